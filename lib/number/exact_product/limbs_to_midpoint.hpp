// A number in limbs as a midpoint: what arf_set_round_mpn and fmpz_set_si do, in one short piece that the compiler sees, for midpoints with small exponents.
#pragma once

#include <algorithm>
#include <bit>

#include "lib/number/flint.hpp"

namespace snellen {

// The bits of the integer of `size` limbs, the highest of which is not zero.
inline slong bit_length(const mp_limb_t* limbs, mp_size_t size) { return FLINT_BITS * size - std::countl_zero(limbs[size - 1]); }

// y = (the integer of `size` > 0 limbs, the highest of which is not zero) 2^unit, negated or not, cut off to its first `bits` bits; true: something was cut off. `unit` is small: the exponent
// stays within one word.
inline bool set_midpoint(arf_struct* y, const mp_limb_t* limbs, mp_size_t size, bool negative, slong bits, slong unit) {
  const auto shift = static_cast<unsigned>(std::countl_zero(limbs[size - 1]));
  const slong length = FLINT_BITS * size - static_cast<slong>(shift), kept = std::min(bits, length);
  // Word i of the number from its first bit on, the first one being word size - 1.
  const auto word = [&](mp_size_t i) -> mp_limb_t {
    if (shift == 0) return limbs[i];
    return limbs[i] << shift | (i > 0 ? limbs[i - 1] >> (FLINT_BITS - shift) : 0);
  };
  mp_size_t lowest = size - (kept + FLINT_BITS - 1) / FLINT_BITS;
  const mp_limb_t last = word(lowest), mask = ~mp_limb_t{0} << (FLINT_BITS * (size - lowest) - kept);
  bool cut = (last & ~mask) != 0;
  if (kept < length && !cut) {
    if (lowest > 0) cut = limbs[lowest - 1] << shift != 0;
    for (mp_size_t i = 0; i + 1 < lowest && !cut; ++i) cut = limbs[i] != 0;
  }
  // A midpoint's lowest limb is not zero.
  mp_limb_t low = last & mask;
  while (low == 0) low = word(++lowest);
  mp_ptr to;
  ARF_GET_MPN_WRITE(to, size - lowest, y);
  to[0] = low;
  for (mp_size_t i = lowest + 1; i < size; ++i) to[i - lowest] = word(i);
  ARF_XSIZE(y) = static_cast<mp_size_t>(ARF_MAKE_XSIZE(size - lowest, negative ? 1 : 0));
  fmpz_set_si(ARF_EXPREF(y), length + unit);
  return cut;
}

}  // namespace snellen
