// Certified distances of two vectors.
#pragma once

#include <vector>

#include "bounds/result.hpp"
#include "lib/world/world.hpp"

namespace snellen {

// || a - b ||_p for the exact vectors that a and b enclose:
//   lower <= || a - b ||_p <= upper,   p = 1, 2 or infinity, vectors of equal size.
// Computed with outward rounding to `bits` bits; infinite enclosures give [0, inf]. Not finite is never an error here: it says nothing.
Enclosure distance(Metric metric, const CertifiedVector& a, const CertifiedVector& b, long bits);

// The same of a difference that is itself enclosed: lower <= || d ||_p <= upper.
Enclosure norm_of(Metric metric, const CertifiedVector& d, long bits);

// The vectors that an engine run produced are what they are: points, known exactly. Between two of them, and between one of them and the exact result.
Enclosure distance(Metric metric, const std::vector<double>& a, const std::vector<double>& b, long bits);
Enclosure distance(Metric metric, const std::vector<double>& a, const CertifiedVector& b, long bits);

}  // namespace snellen
