// Two layers under rotary positions: distinct pairs far out, where upper ends by majorants leave room. Lower ends only. Why: proofs/rope.md, "Two layers, far out".
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> far_pairs_refuse(const InevitableTask& task);

// The task must not be refused. Rows have lower ends and no upper ones.
InevitableAnswer by_far_pairs(const InevitableTask& task, Progress& progress);

}  // namespace snellen
