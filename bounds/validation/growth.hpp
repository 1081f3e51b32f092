// How far an engine is from the exact result, certified: per layer and token, in absolute terms and in ulps; and what that means for next-token probabilities.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bounds/validation/dump.hpp"
#include "lib/model/columns.hpp"
#include "lib/progress.hpp"

namespace snellen {

// lower <= error <= upper; upper is infinite where the dump is no number, or the exact result was not enclosed.
struct CertifiedError {
  double lower = 0, upper = 0;
};

// Of one state (hidden.0, ..., final), one entry a token.
struct StateError {
  std::string state;
  std::vector<CertifiedError> largest;    // max over entries of |engine - exact|
  std::vector<CertifiedError> euclidean;  // |engine - exact|_2 / |exact|_2
  std::vector<double> ulps;               // upper bound of max |engine - exact| / ulp(exact), in the dump's format
  // Entries of all tokens by that bound: up to 1/2, 1, 2, 4, ... ulps; the last one is all that is beyond.
  static constexpr std::size_t buckets = 32;
  std::vector<std::size_t> histogram = std::vector<std::size_t>(buckets);
};

// Next-token probabilities of one token, from dumped logits (before a soft-cap of the logits, as the unembedding returns them).
struct TokenLogProbability {
  Token next = 0;                // the token that follows in the sequence; the exact model's likeliest for the last
  CertifiedError engine, exact;  // log p(next)
  CertifiedError delta;          // log p_engine - log p_exact; e^delta is their ratio
  CertifiedError divergence;     // KL(exact | engine) in nats, never negative
};

struct Growth {
  long bits = 0;
  std::vector<std::vector<StateError>> dumps;                      // for each dump, the states that it has
  std::vector<std::vector<TokenLogProbability>> probabilities;     // for each dump; empty without logits
};

// Evaluates the exact model once, for all dumps.
Growth error_growth(const Model& model, std::span<const Column> columns, std::span<const Dump* const> dumps, Progress& progress);

}  // namespace snellen
