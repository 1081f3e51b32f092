// report.html: one file, nothing fetched, no scripts. The first screen gives the result; below it the table, the pictures of
// every pair, the engine runs, what is assumed, the claims and the provenance. Every text from outside is escaped.
#pragma once

#include <string>
#include <string_view>

#include "bounds/result.hpp"
#include "reports/plot.hpp"

namespace snellen {

std::string html_report(const Certification& c, const Pictures& pictures);

// & < > " ' as character references; control characters HTML does not allow become spaces.
std::string html_escaped(std::string_view text);
// Escaped, then set in type: S_n and S_{n+1} with indices, 2^-7 with an exponent, <= as one sign, L1 and Linf with an index.
std::string typeset(std::string_view text);

}  // namespace snellen
