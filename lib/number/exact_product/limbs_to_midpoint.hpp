// A number in limbs as a midpoint: what arf_set_round_mpn and fmpz_set_si do, in one short piece that the compiler sees, for midpoints with small exponents.
#pragma once

#include <algorithm>
#include <bit>

#include "lib/number/flint.hpp"

namespace snellen {

// A positive integer in words from its first bit on: the highest bit of word size - 1 is set.
// One in limbs, the highest of which is not zero: words are made when they are asked for.
class WordsOfLimbs {
 public:
  WordsOfLimbs(const mp_limb_t* limbs, mp_size_t size) : limbs_(limbs), size_(size), shift_(static_cast<unsigned>(std::countl_zero(limbs[size - 1]))) {}
  mp_size_t size() const { return size_; }
  slong length() const { return FLINT_BITS * size_ - static_cast<slong>(shift_); }
  mp_limb_t operator[](mp_size_t i) const {
    if (shift_ == 0) return limbs_[i];
    return limbs_[i] << shift_ | (i > 0 ? limbs_[i - 1] >> (FLINT_BITS - shift_) : 0);
  }
  // Has a word below that one a bit?
  bool any_below(mp_size_t word) const {
    if (word > 0 && limbs_[word - 1] << shift_ != 0) return true;
    return std::any_of(limbs_, limbs_ + std::max<mp_size_t>(0, word - 1), [](mp_limb_t limb) { return limb != 0; });
  }

 private:
  const mp_limb_t* limbs_;
  mp_size_t size_;
  unsigned shift_;
};
// One of several that lie side by side, word i at words[i * stride].
class WordsOfRow {
 public:
  WordsOfRow(const mp_limb_t* words, std::size_t stride, mp_size_t size, slong length) : words_(words), stride_(stride), size_(size), length_(length) {}
  mp_size_t size() const { return size_; }
  slong length() const { return length_; }
  mp_limb_t operator[](mp_size_t i) const { return words_[static_cast<std::size_t>(i) * stride_]; }
  bool any_below(mp_size_t word) const {
    for (mp_size_t i = 0; i < word; ++i)
      if ((*this)[i] != 0) return true;
    return false;
  }

 private:
  const mp_limb_t* words_;
  std::size_t stride_;
  mp_size_t size_;
  slong length_;
};

// y = (the integer of the words) 2^unit, negated or not, cut off to its first `bits` bits; true: something was cut off. `unit` is small: the exponent stays within one word.
template <class Words>
inline __attribute__((always_inline)) bool set_midpoint(arf_struct* y, const Words& words, bool negative, slong bits, slong unit) {
  const mp_size_t size = words.size();
  const slong length = words.length(), kept = std::min(bits, length);
  mp_size_t lowest = size - (kept + FLINT_BITS - 1) / FLINT_BITS;
  const mp_limb_t last = words[lowest], mask = ~mp_limb_t{0} << (FLINT_BITS * (size - lowest) - kept);
  const bool cut = (last & ~mask) != 0 || (kept < length && words.any_below(lowest));
  // A midpoint's lowest limb is not zero.
  mp_limb_t low = last & mask;
  while (low == 0) low = words[++lowest];
  mp_ptr to;
  ARF_GET_MPN_WRITE(to, size - lowest, y);
  to[0] = low;
  for (mp_size_t i = lowest + 1; i < size; ++i) to[i - lowest] = words[i];
  ARF_XSIZE(y) = static_cast<mp_size_t>(ARF_MAKE_XSIZE(size - lowest, negative ? 1 : 0));
  fmpz_set_si(ARF_EXPREF(y), length + unit);
  return cut;
}

}  // namespace snellen
