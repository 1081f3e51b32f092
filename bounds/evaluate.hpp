// Evaluates a family of sequences once, in a certified world: every vector that a question about it needs.
#pragma once

#include <optional>
#include <vector>

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/progress.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

enum class Place { final, hidden };  // y = N3(x(L)), or x(L)

// The columns that a family's pairs name, each once, ascending: the order of every list of its vectors.
std::vector<std::size_t> wanted_columns(const FamilyBlock& block);

// The last-token vectors of a family's sequences. Each pair's two are vectors[first[i]] and vectors[second[i]].
struct Evaluation {
  std::vector<CertifiedVector> vectors;
  std::vector<std::optional<Token>> next_tokens;  // as vectors; empty unless asked for
  std::vector<std::size_t> first, second;         // one for each n = from, ..., to
};

Evaluation evaluate(const Model& model, const FamilyBlock& block, Place place, bool next_tokens, long bits, Progress& progress);

// The precision at which every vector of a block is likely to have `accuracy` correct bits (relative to its largest entry): from how many bits
// each layer costs its first tokens. A guess for speed only; nothing certified depends on it.
long predict_bits(const Model& model, std::span<const Column> columns, long accuracy);
// Correct bits to ask of vectors that are rounded to a format, beyond its significand: of w * n roundings at random places, one falls within 2^-k ulp of a boundary with probability
// about w n 2^-k.
inline constexpr long spare_rounding_bits = 24;

}  // namespace snellen
