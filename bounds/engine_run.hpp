// What an emulated engine makes of a family: a deterministic run of one profile, and what can be seen in it. Facts about that run, no bounds.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"
#include "lib/world/profile.hpp"

namespace snellen {

struct EngineVectors {
  std::vector<std::vector<double>> vectors;  // as Evaluation::vectors; entries may be infinite or NaN
  std::vector<Token> next_tokens;            // as vectors; empty unless asked for. The first of equals; -1 where no logit is a number
  std::optional<Trouble> trouble;
};

// Runs the profile on every sequence of the family: as one block, or, where the profile couples the tokens of a batch, sequence by sequence.
EngineVectors run_engine(const Model& model, const Profile& profile, const FamilyBlock& block, Place place, bool next_tokens,
                         Progress& progress);

// The first of the largest; -1 where no logit is a number.
Token greedy_token(std::span<const double> logits);

// The verdicts of a run under a row's criterion: its vectors as the row's format stores them; the distance of its vectors; its next tokens.
// `overflow` where a vector is not finite (in the format).
std::vector<Verdict> observed_verdicts(const CollapseRow& row, const EngineVectors& run, const std::vector<PairDistances>& distances,
                                       const std::vector<Metric>& metrics, const Evaluation& pairs);

// First and last distinct n, first collapse, and from where on only collapse was seen.
Observed summarise_run(const std::string& profile, const std::vector<Verdict>& verdicts, std::int64_t from);

}  // namespace snellen
