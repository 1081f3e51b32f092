// distances.csv: one line per n, for spreadsheets and plotting scripts. RFC 4180, first line the column names, '.' decimals, LF
// ends.
//
// Columns, in this order (METRIC is l1, l2 or linf, in the order asked for; PROFILE an engine profile's name):
//   n                             the pair (S_n, S_{n+1})
//   METRIC.lower, METRIC.upper    certified enclosure of D(n), the distance in the exact model
//   PROFILE.METRIC.distance.lower, .upper   the distance between the engine run's own two vectors, enclosed
//   PROFILE.METRIC.error.lower, .upper      the run's distance from the exact vector of S_n, enclosed
// Lower ends are rounded down and upper ends up (17 digits). "inf" and "nan" as they are; an empty field: the run has no value at
// this n.
#pragma once

#include <string>

#include "bounds/result.hpp"

namespace snellen {

// A field as RFC 4180 has it: in quotes where it needs them.
std::string csv_field(const std::string& field);

std::string csv_report(const Certification& c);

}  // namespace snellen
