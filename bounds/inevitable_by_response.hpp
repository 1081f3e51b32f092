// P . a^n under rotary positions in a model of any depth: the run is followed for some ten thousand tokens in doubles, and what every later token may be follows from their linear response, bounded in
// 2-norms. Ends are some hundred times those of the last distinct pairs, where bounds entry by entry (inevitable_by_majorant.hpp) multiply at every map. Why: proofs/response.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> response_refuses(const InevitableTask& task);

// The task must not be refused.
InevitableAnswer by_response(const InevitableTask& task, Progress& progress);

}  // namespace snellen
