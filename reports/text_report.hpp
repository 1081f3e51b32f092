// The short result for standard output: plain ASCII where the names are, at most 100 columns.
#pragma once

#include <string>

#include "bounds/result.hpp"

namespace snellen {

std::string text_report(const Certification& c);

}  // namespace snellen
