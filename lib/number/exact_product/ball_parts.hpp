// The midpoints of balls, read limb by limb: what the conversions to fixed point share.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/number/flint.hpp"

namespace snellen {

// Bits of a midpoint below (a power of two above) its radius that are kept: the rounding then widens a radius by 2^-11 of itself at most.
inline constexpr slong drowned_bits = 12;

// A finite ball whose exponents are small enough to be calculated with.
inline constexpr slong exponent_limit = slong{1} << 40;
inline bool tame(const fmpz& exponent) { return !COEFF_IS_MPZ(exponent) && exponent > -exponent_limit && exponent < exponent_limit; }
// (arb_is_finite is a call into the library. Infinity and NaN have exponents beyond the limit; zero has the exponent 0.)
inline bool tame(arb_srcptr x) { return tame(ARF_EXP(arb_midref(x))) && tame(MAG_EXP(arb_radref(x))); }

// The bits that a ball's midpoint deserves, and a function of it: all, or those down to 2^-drowned_bits of its radius.
inline slong deserved_bits(arb_srcptr x, slong bits) { return std::min(bits, std::clamp<slong>(arb_rel_accuracy_bits(x), 2, bits) + drowned_bits); }

struct Mantissa {
  mp_srcptr limbs;
  mp_size_t size;
};

inline Mantissa mantissa(const arf_struct* x) {  // x finite and not zero; the top bit of the top limb is set, the lowest limb is not zero
  Mantissa m;
  ARF_GET_MPN_READONLY(m.limbs, m.size, x);
  return m;
}

// The integer of the first `bits` > 0 bits of a mantissa, or its negative modulo 2^(64 size).
inline void first_bits(mp_limb_t* number, slong size, Mantissa m, slong bits, bool negative) {
  const slong used = (bits + FLINT_BITS - 1) / FLINT_BITS, missing = used - m.size;  // limbs that the mantissa has not: zeros below it
  const auto shift = static_cast<unsigned>(FLINT_BITS * used - bits);
  mp_limb_t carry = negative;
  const mp_limb_t flip = -carry;
  const auto put = [&](slong i, mp_limb_t word) {
    number[i] = (word ^ flip) + carry;
    carry = carry && number[i] == 0;
  };
  const mp_limb_t* limbs = m.limbs - missing;
  slong i = 0;
  if (missing > 0) {
    for (; i + 1 < missing; ++i) put(i, 0);
    put(i, shift == 0 ? 0 : limbs[missing] << (FLINT_BITS - shift));
    ++i;
  }
  for (; i + 1 < used; ++i) put(i, shift == 0 ? limbs[i] : limbs[i] >> shift | limbs[i + 1] << (FLINT_BITS - shift));
  put(i, limbs[i] >> shift);
  for (++i; i < size; ++i) put(i, 0);
}

// x to the nearest double, as arf_get_d(x, ARF_RND_NEAR), which goes through mpfr, gives it.
inline double nearest_double(const arf_struct* x) {
  const fmpz exponent = ARF_EXP(x);
  if (arf_is_special(x) || exponent < -900 || exponent > 900) return arf_get_d(x, ARF_RND_NEAR);
  const Mantissa m = mantissa(x);
  constexpr int dropped = FLINT_BITS - 53;
  constexpr mp_limb_t half = mp_limb_t{1} << (dropped - 1);
  const mp_limb_t top = m.limbs[m.size - 1], rest = top & (2 * half - 1);
  mp_limb_t kept = top >> dropped;
  kept += rest > half || (rest == half && (m.size > 1 || (kept & 1) != 0));  // the lowest limb is not zero
  const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(exponent - 53 + 1023) << 52);
  const double value = static_cast<double>(kept) * power;
  return ARF_SGNBIT(x) ? -value : value;
}

// The exponent of the last bit that is set; x is not zero.
inline slong last_bit(const arf_struct* x) {
  const Mantissa m = mantissa(x);
  return ARF_EXP(x) - FLINT_BITS * m.size + std::countr_zero(m.limbs[0]);
}

// The next `digit_bits` bits of a number from bit `bit` on; one limb more than the number's must be readable.
template <int digit_bits>
std::uint64_t digit_at(const mp_limb_t* number, std::size_t bit) {
  constexpr std::uint64_t mask = (std::uint64_t{1} << digit_bits) - 1;
  if constexpr (std::endian::native == std::endian::little && digit_bits <= 57) {
    std::uint64_t bits;  // limbs lie together from their lowest bytes on, so that a digit is within the eight bytes from its first one
    std::memcpy(&bits, reinterpret_cast<const unsigned char*>(number) + bit / 8, sizeof bits);
    return bits >> bit % 8 & mask;
  } else {
    const std::size_t limb = bit / FLINT_BITS, shift = bit % FLINT_BITS;
    std::uint64_t bits = number[limb] >> shift;
    if (shift > 0) bits |= number[limb + 1] << (FLINT_BITS - shift);
    return bits & mask;
  }
}

// significand 2^exponent <= 1 as a float, with one rounding; `least` where it is less than that, and more than zero.
inline float scaled_float(std::uint64_t significand, slong exponent, float least = 0x1p-100f) {
  if (significand == 0) return 0;
  if (exponent < -200) return least;
  const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  const auto value = static_cast<float>(static_cast<double>(significand) * power);
  return value > least ? value : least;
}

// For factors both of which are rounded up like this: their products stay normal floats.
inline constexpr float least_factor = 0x1p-60f;

// At least |x| 2^-scale, and at most 2^-23 times as much (or least_factor) above it; |x| < 2^scale.
inline float magnitude_float(const arf_struct* x, slong scale) {
  if (arf_is_zero(x)) return 0;
  const Mantissa m = mantissa(x);
  return scaled_float((m.limbs[m.size - 1] >> 40) + 1, ARF_EXP(x) - 24 - scale, least_factor);
}

// At least the radius of x, and 2^unit where its midpoint was cut off there, times 2^-scale, to two roundings and least_factor.
inline float error_float(arb_srcptr x, bool cut, slong unit, slong scale) {
  const mag_struct* radius = arb_radref(x);
  const float error = mag_is_zero(radius) ? 0 : scaled_float(MAG_MAN(radius), MAG_EXP(radius) - MAG_BITS - scale, least_factor);
  return cut ? error + scaled_float(1, unit - scale, least_factor) : error;
}

// radius = value 2^exponent, rounded up; value is a finite double that is not negative, and radius has a small exponent.
inline void set_radius(mag_t radius, double value, slong exponent) {
  if (value == 0) return mag_zero(radius);
  const auto word = std::bit_cast<std::uint64_t>(value);
  mp_limb_t significand = ((word >> 23 & ((mp_limb_t{1} << 29) - 1)) | mp_limb_t{1} << 29) + 1;  // of MAG_BITS = 30 bits
  slong top = static_cast<slong>(word >> 52) - 1022 + exponent;
  if (significand == mp_limb_t{1} << MAG_BITS) significand >>= 1, ++top;
  MAG_MAN(radius) = significand;
  fmpz_set_si(MAG_EXPREF(radius), top);
}

}  // namespace snellen
