// Eight numbers in two's complement, digits of 52 bits: [digits][8], the lowest first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/number/exact_product/long_kernels.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {

inline constexpr std::uint64_t long_digit_mask = (std::uint64_t{1} << long_digit_bits) - 1;
inline constexpr std::size_t most_fixed_digits = 24;  // what exp_lanes serves

// All ones where the number is negative, else zero.
SNELLEN_INLINE void signs_of(std::uint64_t* signs, const std::uint64_t* x, std::size_t digits) {
  for (std::size_t l = 0; l < long_lanes; ++l) signs[l] = ~((x[(digits - 1) * long_lanes + l] >> (long_digit_bits - 1)) - 1);
}

// y = x + z modulo 2^(52 digits); y may be either.
SNELLEN_INLINE void add_lanes(std::uint64_t* y, const std::uint64_t* x, const std::uint64_t* z, std::size_t digits) {
  std::uint64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::uint64_t sum = x[d * long_lanes + l] + z[d * long_lanes + l] + carry[l];
      y[d * long_lanes + l] = sum & long_digit_mask;
      carry[l] = sum >> long_digit_bits;
    }
}

// y = -x where `where` is all ones, else x; y may be x. The most negative number becomes 2^(52 digits - 1), without a sign.
SNELLEN_INLINE void negate_where(std::uint64_t* y, const std::uint64_t* x, const std::uint64_t* where, std::size_t digits) {
  std::uint64_t carry[long_lanes];
  for (std::size_t l = 0; l < long_lanes; ++l) carry[l] = where[l] & 1;
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::uint64_t sum = (x[d * long_lanes + l] ^ (where[l] & long_digit_mask)) + carry[l];
      y[d * long_lanes + l] = sum & long_digit_mask;
      carry[l] = sum >> long_digit_bits;
    }
}

}  // namespace snellen
