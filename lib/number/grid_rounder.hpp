// Rounding of a float or a double to a narrower format, ties to even, branch-free so that loops over it vectorise.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "lib/number/arithmetic.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {

// What a value too large for the format becomes.
enum class Overflow { infinity, saturate, nan };

// The grid of a format with `precision` bits and normal values from 2^emin, seen from the wider format Real (t bits).
// Exact where precision < t, emin >= Real's own emin, and 2^(emin - precision + t) is finite; see fits().
template <class Real>
struct GridRounder {
  using Bits = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;
  static constexpr int digits = std::numeric_limits<Real>::digits;

  int dropped;           // bits of Real's significand that the format lacks
  Real smallest_normal;  // 2^emin
  Real subnormal_magic;  // 2^(emin - precision + digits): its unit in the last place is the format's subnormal step
  Real largest;
  Real beyond;           // what a positive overflow becomes

  static bool fits(int precision, long emin) {
    return precision < digits && emin >= std::numeric_limits<Real>::min_exponent - 1 &&
           emin - precision + digits < std::numeric_limits<Real>::max_exponent;
  }
  GridRounder(int precision, long emin, Real largest_value, Overflow overflow)
      : dropped(digits - precision),
        smallest_normal(std::ldexp(Real(1), static_cast<int>(emin))),
        subnormal_magic(std::ldexp(Real(1), static_cast<int>(emin) - precision + digits)),
        largest(largest_value),
        beyond(overflow == Overflow::infinity   ? std::numeric_limits<Real>::infinity()
               : overflow == Overflow::saturate ? largest_value
                                                : std::numeric_limits<Real>::quiet_NaN()) {}

  SNELLEN_INLINE Real operator()(Real x) const {
    const Real magnitude = std::fabs(x);
    // Normal values: integer addition on the bits carries into the exponent as rounding up to a power of two must.
    const Bits bits = std::bit_cast<Bits>(magnitude);
    const Bits half = (Bits(1) << (dropped - 1)) - 1 + ((bits >> dropped) & 1);
    const Bits normal = ((bits + half) >> dropped) << dropped;
    // Below 2^emin the sum lies in [magic, 2 magic], where Real's own rounding is the format's.
    const Bits subnormal = std::bit_cast<Bits>((magnitude + subnormal_magic) - subnormal_magic);
    // Magnitudes compare as their bits do, and a NaN is above all. Masks, since compilers make branches of a choice between floating sums.
    const auto choose = [](bool first, Bits a, Bits b) { return b ^ ((a ^ b) & (Bits(0) - Bits(first))); };
    Bits result = choose(bits < std::bit_cast<Bits>(smallest_normal), subnormal, normal);
    result = choose(result > std::bit_cast<Bits>(largest), std::bit_cast<Bits>(beyond), result);
    result = choose(bits > std::bit_cast<Bits>(std::numeric_limits<Real>::infinity()), bits, result);
    return std::bit_cast<Real>(result | (std::bit_cast<Bits>(x) ^ bits));
  }
};

// The same for a format that is the upper bits of Real (bf16 and float): one exponent range, infinity on overflow, so that dropping bits rounds
// subnormal values too and a carry out of the largest binade makes infinity.
template <class Real>
struct PrefixRounder {
  using Bits = typename GridRounder<Real>::Bits;
  int dropped;

  static bool fits(int precision, long emin, long emax) {
    return precision < GridRounder<Real>::digits && emin == std::numeric_limits<Real>::min_exponent - 1 &&
           emax == std::numeric_limits<Real>::max_exponent - 1;
  }

  SNELLEN_INLINE Real operator()(Real x) const {
    const Bits bits = std::bit_cast<Bits>(x);
    const Bits half = (Bits(1) << (dropped - 1)) - 1 + ((bits >> dropped) & 1);
    const Bits nan = Bits(0) - Bits(x != x);
    return std::bit_cast<Real>((((bits + half) >> dropped) << dropped & ~nan) | (bits & nan));
  }
};

}  // namespace snellen
