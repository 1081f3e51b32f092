// What tests ask of enclosures: containment, overlap, and how many bits are known. All comparisons are exact.
#pragma once

#include <cmath>

#include "lib/number/enclosure.hpp"

namespace snellen::testing {

inline bool contains(const Enclosure& e, const Dyadic& x) { return e.lower <= x && x <= e.upper; }
inline bool overlap(const Enclosure& a, const Enclosure& b) {
  return a.is_finite() && b.is_finite() && a.lower <= b.upper && b.lower <= a.upper;
}
inline double width(const Enclosure& e) {
  Dyadic difference(64);
  mpfr_sub(difference.get(), e.upper.get(), e.lower.get(), MPFR_RNDU);
  return difference.to_double(MPFR_RNDU);
}
// Bits known relative to `scale` (a number of the size of the vector that the entry belongs to).
inline double accurate_bits(const Enclosure& e, double scale) {
  if (!e.is_finite()) return -INFINITY;
  const double w = width(e);
  return w == 0 ? INFINITY : std::log2(scale) - std::log2(w);
}
inline double magnitude(const Enclosure& e) {
  return std::max(std::fabs(e.lower.to_double(MPFR_RNDN)), std::fabs(e.upper.to_double(MPFR_RNDN)));
}

}  // namespace snellen::testing
