// What tests ask of enclosed differences: an oracle of intervals at a much higher precision, and how many bits of a difference are known.
#pragma once

#include <algorithm>
#include <vector>

#include "lib/model/counterparts.hpp"
#include "lib/model/decoder.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/world/enclosing.hpp"

namespace snellen::testing {

// b - a, exactly enclosed.
inline Enclosure difference_of(const Enclosure& a, const Enclosure& b) {
  constexpr long bits = 6000;
  Enclosure d{Dyadic(bits), Dyadic(bits)};
  mpfr_sub(d.lower.get(), b.lower.get(), a.upper.get(), MPFR_RNDD);
  mpfr_sub(d.upper.get(), b.upper.get(), a.lower.get(), MPFR_RNDU);
  return d;
}

// log2 of the larger end, and of the width; far below the doubles' range, too.
inline double log2_of(const Dyadic& x) {
  if (mpfr_zero_p(x.get())) return -INFINITY;
  long exponent = 0;
  const double fraction = mpfr_get_d_2exp(&exponent, x.get(), MPFR_RNDN);
  return std::log2(std::fabs(fraction)) + static_cast<double>(exponent);
}
inline double log2_magnitude(const Enclosure& e) { return std::max(log2_of(e.lower), log2_of(e.upper)); }
inline double log2_width(const Enclosure& e) {
  Dyadic width(64);
  mpfr_sub(width.get(), e.upper.get(), e.lower.get(), MPFR_RNDU);
  return log2_of(width);
}
// The fewest bits that are known of an entry, relative to the largest entry; infinite where all are exact.
inline double accurate_bits_of(const std::vector<Enclosure>& d) {
  double size = -INFINITY, widest = -INFINITY;
  for (const Enclosure& e : d) {
    if (!e.is_finite()) return -INFINITY;
    size = std::max(size, log2_magnitude(e)), widest = std::max(widest, log2_width(e));
  }
  return widest == -INFINITY ? INFINITY : size - widest;
}

// Any columns compared with any others: no column is the counterpart of two; some have none, some are their own.
inline std::vector<std::size_t> random_counterparts(SplitMix64& random, std::size_t columns) {
  std::vector<std::size_t> result(columns);
  for (std::size_t c = 0; c < columns; ++c) result[c] = c;
  for (std::size_t c = columns; c-- > 1;) std::swap(result[c], result[random.below(c + 1)]);
  for (std::size_t& other : result)
    if (random.below(5) == 0) other = no_column;
  return result;
}
// Every column with the next: what a run without a prefix does.
inline std::vector<std::size_t> next_columns(std::size_t columns) {
  std::vector<std::size_t> result(columns, no_column);
  for (std::size_t c = 0; c + 1 < columns; ++c) result[c] = c + 1;
  return result;
}

}  // namespace snellen::testing
