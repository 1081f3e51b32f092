// How accurate an enclosed vector is: to decide on precision and to judge comparisons. Nothing certified depends on it.
#pragma once

#include "lib/world/world.hpp"

namespace snellen {

// The fewest correct bits of an entry, relative to the largest entry of the vector; infinite where all are exact, -infinity where one is not finite.
double accurate_bits(const CertifiedVector& v);

}  // namespace snellen
