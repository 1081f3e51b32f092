// P . U^n . Q where every layer has a window: y depends on the last tokens alone, which S_n and S_{n+1} share from some n on; below it pairs are
// enumerated. Why: `window_reach` in proofs/tail.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> window_refuses(const InevitableTask& task);

// The task must not be refused.
InevitableAnswer by_window(const InevitableTask& task, Progress& progress);

}  // namespace snellen
