// P . U^n . Q, with delimiters or without, where every layer has a window: y depends on the last tokens alone. From some n on these are the same for all n
// of a kind (n modulo the delimiters' period): pairs of finitely many kinds, which collapse or are distinct for ever; below that n pairs are enumerated.
// Why: `window_reach` and `window_kinds` in proofs/periodic.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> window_refuses(const InevitableTask& task);

// The task must not be refused.
InevitableAnswer by_window(const InevitableTask& task, Progress& progress);

}  // namespace snellen
