// A family of sequences in words.
#pragma once

#include <string>
#include <vector>

#include "lib/model/family.hpp"

namespace snellen {

// "[1, 2]"; of a long list the first and a digest of all, so that a report always says which tokens it is about.
std::string list_text(const std::vector<Token>& tokens);

// "[1] . [2]^n, pairs (S_n, S_n+1)".
std::string family_text(const Family& family);

}  // namespace snellen
