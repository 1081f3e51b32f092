// Plain-text tables for standard output.
#pragma once

#include <string>
#include <vector>

namespace snellen {

// Columns aligned, two spaces apart: to the left where `align` has 'l', to the right where it has 'r'. The first row is the header.
std::string table(const std::string& align, const std::vector<std::vector<std::string>>& rows);

}  // namespace snellen
