// P . a^n under rotary positions in a model of two layers: the deviation from the limit is, over n, a function of one phase with a coefficient that grows like log n, nearly; its supremum
// bounds the last pair that is distinct, and pairs below are judged by the same sums or examined one by one. Why: proofs/rope.md, "Two layers, for every n".
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> harmonics_refuse(const InevitableTask& task);

// The task must not be refused.
InevitableAnswer by_harmonics(const InevitableTask& task, Progress& progress);

}  // namespace snellen
