// What a certification proved, sentence by sentence.
#pragma once

#include <vector>

#include "bounds/result.hpp"

namespace snellen {

// One claim for each row and fact: collapse from N to the horizon, the last distinct pair, what is proved for every n, and the enclosure of all distances.
std::vector<Claim> claims_of(const Certification& certification);

}  // namespace snellen
