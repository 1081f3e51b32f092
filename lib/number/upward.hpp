// Upper bounds in doubles, rounding to nearest. For bounds that need a few digits only, where mag_t would be slow.
//
// Let an expression have the operations +, *, / and sqrt, operands >= 0, at most 2^20 roundings one after another on any path, factors of at most
// 2^100 and at most eight of them in a product. Each rounding loses at most the factor 1 - 2^-53, all of them 1 - 2^-32; what underflows
// is below 2^-1074 and, multiplied by 2^800 and added 2^20 times, below 2^-250. So upward(computed value) is at least the exact value.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "lib/number/magnitude.hpp"

namespace snellen {

inline constexpr double infinite_bound = std::numeric_limits<double>::infinity();

// Infinite for whatever is not a number.
inline double upward(double x) {
  const double y = x * (1 + 0x1p-30) + 0x1p-240;
  return y <= std::numeric_limits<double>::max() ? y : infinite_bound;
}

// Is x fit to be a factor?
inline bool is_moderate(double x) { return std::fabs(x) <= 0x1p100; }
inline bool are_moderate(std::span<const double> values) {
  bool all = true;  // without a way out early: the loop is a vector's then
  for (const double x : values) all &= is_moderate(x);
  return all;
}

// A computed sum of n products a_i b_i, n < 2^20, in any order, is within dot_error(n) |a|_2 |b|_2 (+ 2^-240) of the exact one:
// gamma_n = n u / (1 - n u) <= (n + 1) u (Higham 2002, section 3.1); the rest is room for the roundings of a few more operations.
constexpr double dot_error(std::size_t n) { return (static_cast<double>(n) + 16) * 0x1p-53; }

// The sum of the squares of as many numbers as there may be: in pieces, so that no square passes more than 2^12 + count / 2^15 + 4 roundings (2^20 of them for 2^34 numbers), and
// in lanes, so that the processor's vectors serve without changing the order.
inline double sum_of_squares(std::span<const double> values) {
  constexpr std::size_t lanes = 8, piece = std::size_t{1} << 15;
  double total = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += piece) {
    const std::size_t end = values.size() - begin < piece ? values.size() : begin + piece;
    double sum[lanes] = {};
    std::size_t i = begin;
    for (; i + lanes <= end; i += lanes)
      for (std::size_t l = 0; l < lanes; ++l) sum[l] += values[i + l] * values[i + l];
    for (; i < end; ++i) sum[0] += values[i] * values[i];
    total += ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }
  return total;
}

// At least |values|_2; infinite unless all are moderate.
inline double euclidean_norm(std::span<const double> values) { return are_moderate(values) ? upward(std::sqrt(sum_of_squares(values))) : infinite_bound; }

// At least x, at least 2^-240.
inline double upper_double(const Magnitude& x) {
  if (mag_cmp_2exp_si(x.get(), -240) <= 0) return 0x1p-240;
  if (mag_cmp_2exp_si(x.get(), 900) >= 0) return infinite_bound;
  return upward(mag_get_d(x.get()));
}
// At least x >= 0.
inline Magnitude magnitude_of(double x) {
  Magnitude result;
  if (x <= std::numeric_limits<double>::max()) mag_set_d(result.get(), x);
  else mag_inf(result.get());
  return result;
}

// Upper bounds relative to a power of two above the largest finite one: doubles have no room for 2^-4096.
struct RelativeMagnitudes {
  std::vector<double> values;  // values[i] 2^exponent is at least the i-th; infinite where that is
  long exponent = 0;
};
inline RelativeMagnitudes relative(std::span<const Magnitude> magnitudes) {
  Magnitude largest;
  for (const Magnitude& m : magnitudes)
    if (m.is_finite() && largest < m) largest = m;
  RelativeMagnitudes result;
  if (!largest.is_zero()) result.exponent = fmpz_get_si(MAG_EXPREF(largest.get()));
  for (const Magnitude& m : magnitudes) result.values.push_back(m.is_finite() ? upper_double(shifted(m, -result.exponent)) : infinite_bound);
  return result;
}

}  // namespace snellen
