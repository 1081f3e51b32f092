// A family of sequences in words.
#pragma once

#include <string>
#include <vector>

#include "lib/model/family.hpp"

namespace snellen {

// "[1, 2]"; of a long list the first and a digest of all, so that a report always says which tokens it is about.
std::string list_text(const std::vector<Token>& tokens);

// What is left of the family's sequences when n grows and the prefix has no weight: "[2]" for a run of one token alone, else "[2, 3]^n . [4], n without end".
std::string limit_text(const Family& family);

// "[1] . [2]^n, pairs (S_n, S_n+1)".
std::string family_text(const Family& family);

}  // namespace snellen
