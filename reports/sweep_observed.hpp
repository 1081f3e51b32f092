// Point by point: the first pair that is proved alike, and what the engines' own vectors did.
#pragma once

#include <string>

#include "reports/sweep_view.hpp"

namespace snellen {

// A heading and a table of at most `most` points; empty where no point has run an engine.
std::string observed_table(const SweepResults& results, const SweepQuestion& question, std::size_t most);

}  // namespace snellen
