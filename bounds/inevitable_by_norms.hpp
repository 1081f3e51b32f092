// By norms alone (lib/world/run_norms.hpp): an upper end for every n where the run has a limit, whatever the size of the model. Proof: proofs/majorant.md, "By norms".
#pragma once

#include <optional>
#include <string>

#include "bounds/inevitable.hpp"

namespace snellen {

// Why it says nothing: none where it does.
std::optional<std::string> norms_refuse(const InevitableTask& task);
InevitableAnswer by_norms(const InevitableTask& task, Progress& progress);

}  // namespace snellen
