// Sinusoidal positions: some pair comes back, for infinitely many n, with position vectors as close as one likes, and its two vectors stay apart whatever the attention
// to the run may be. The answer is `never`, or nothing. Why: proofs/periodic.md, "Phases".
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> phases_refuse(const InevitableTask& task);

// The task must not be refused.
InevitableAnswer by_phases(const InevitableTask& task, Progress& progress);

}  // namespace snellen
