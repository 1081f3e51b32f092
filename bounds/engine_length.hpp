// From which length on do an emulated engine's outputs collapse for every n, to infinity? A sum that rounds is a map of a finite state; where it meets a fixed
// point it stays, and with it all that follows. Facts about one deterministic program, proved: `engine_settles` in proofs/engines.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"
#include "lib/world/profile.hpp"
#include "lib/world/run_attention.hpp"

namespace snellen {

struct EngineLimits {
  RunLimits layer;                                   // of every layer
  std::int64_t last_steps = std::int64_t(1) << 28;   // of the last layer's attention, each time it is followed further back from where it settles
};

// Limits whose cost is about that of `work` products (bounds/work.hpp) for one profile.
EngineLimits engine_limits_within(double work);

struct EngineLengths {
  EngineLength constant;           // of the vectors' bits: the least N with the same bits for every n >= N
  std::vector<EngineLength> rows;  // as asked; verdicts as observed_verdicts() gives them
};

// Why nothing can be proved this way; nothing if it can.
std::optional<std::string> engine_length_refuses(const Model& model, const Profile& profile, const Family& family);

// For every row (its format, criterion, metric and eps) the least N >= 1 such that the engine's S_n and S_{n+1} collapse for every n >= N; `unknown`, with the
// reason, where it is refused or takes more than the limits allow, `bracket` where only the smaller lengths do. The family's horizon plays no part.
EngineLengths engine_lengths(const Model& model, const Profile& profile, const Family& family, Place place, const std::vector<CollapseRow>& rows,
                             const std::vector<Metric>& metrics, const EngineLimits& limits, Progress& progress);

// What the engine's own run from n = from to n = to showed, beside what is proved of it: narrows `length` where that is not exact. std::logic_error if the two
// contradict each other.
void join(EngineLength& length, const Observed& run, std::int64_t from, std::int64_t to);

}  // namespace snellen
