#include "bounds/accuracy.hpp"

#include <algorithm>
#include <cmath>

namespace snellen {
namespace {

double log2_of(mpfr_srcptr x) {
  long exponent = 0;
  const double fraction = mpfr_get_d_2exp(&exponent, x, MPFR_RNDU);
  return std::log2(std::fabs(fraction)) + static_cast<double>(exponent);
}

// log2 of the largest entry's magnitude.
double log2_magnitude(const CertifiedVector& v) {
  double largest = -INFINITY;
  for (const Enclosure& e : v) {
    if (!mpfr_zero_p(e.lower.get())) largest = std::max(largest, log2_of(e.lower.get()));
    if (!mpfr_zero_p(e.upper.get())) largest = std::max(largest, log2_of(e.upper.get()));
  }
  return largest;
}

}  // namespace

double accurate_bits(const CertifiedVector& v) {
  double fewest = INFINITY;
  const double magnitude = log2_magnitude(v);
  Dyadic width(64);
  for (const Enclosure& e : v) {
    if (!e.is_finite()) return -INFINITY;
    mpfr_sub(width.get(), e.upper.get(), e.lower.get(), MPFR_RNDU);
    if (!mpfr_zero_p(width.get())) fewest = std::min(fewest, magnitude - log2_of(width.get()));
  }
  return fewest;
}

}  // namespace snellen
