// P . a^n . Q under rotary positions in a model of one layer: the deviation from the limit is an almost periodic function of n over n, nearly, so that its supremum bounds the last
// pair that is distinct from above, and pairs below that bound are examined from the largest n on. Why: proofs/rope.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> rotation_refuses(const InevitableTask& task);

// The task must not be refused. More precision and modes while some row is open.
InevitableAnswer by_rotation(const InevitableTask& task, Progress& progress);

}  // namespace snellen
