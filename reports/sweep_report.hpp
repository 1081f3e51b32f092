// report.html of a sweep: small multiples and heat maps of the collapse length over its axes, and a table of the points.
#pragma once

#include <string>
#include <vector>

#include "reports/sweep_results.hpp"

namespace snellen {

// One file, nothing fetched, no scripts. Adds a warning where a picture could not be drawn.
std::string sweep_report(const SweepResults& results, std::vector<std::string>& warnings);

}  // namespace snellen
