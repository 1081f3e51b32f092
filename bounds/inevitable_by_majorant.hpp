// P . U^n . Q: an upper end for all n wherever the run has a limit: no positions, RoPE, windows in some layers, soft-caps, units of several tokens, a suffix. Lower ends are
// those of the pairs that were enumerated. Why: proofs/majorant.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> majorant_refuses(const InevitableTask& task);

// The task must not be refused. More precision while some row has no upper end.
InevitableAnswer by_majorant(const InevitableTask& task, Progress& progress);

}  // namespace snellen
