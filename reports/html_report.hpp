// report.html: one file, nothing fetched, no scripts. The first screen gives the result; below it the table, the pictures of
// every pair, the engine runs, what is assumed, the claims and the provenance. Every text from outside is escaped.
#pragma once

#include <string>

#include "bounds/result.hpp"
#include "reports/html_parts.hpp"
#include "reports/plot.hpp"

namespace snellen {

std::string html_report(const Certification& c, const Pictures& pictures);

}  // namespace snellen
