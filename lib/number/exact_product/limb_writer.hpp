// Digits of any width, with a signed carry above them, as the limbs of a number and its sign.
#pragma once

#include <cstdint>

#include "lib/number/exact_product/prepared_weights.hpp"
#include "lib/number/flint.hpp"

namespace snellen {

// A number of `size` > 0 limbs in two's complement becomes its absolute value, without leading zero limbs; true: it was negative.
inline bool make_absolute(mp_limb_t* limbs, mp_size_t& size) {
  const bool negative = limbs[size - 1] >> (FLINT_BITS - 1) != 0;
  if (negative) {
    mp_size_t i = 0;
    while (limbs[i] == 0) ++i;  // a negative number has a limb that is not zero
    limbs[i] = -limbs[i];
    for (++i; i < size; ++i) limbs[i] = ~limbs[i];
  }
  while (size > 0 && limbs[size - 1] == 0) --size;
  return negative;
}

// An integer, the least significant digit first, as limbs.
class LimbWriter {
 public:
  explicit LimbWriter(mp_limb_t* limbs) : limbs_(limbs) {}

  // The next `bits` <= 63 bits of the number.
  void push(std::uint64_t value, int bits) {
    word_ |= value << filled_;
    filled_ += bits;
    if (filled_ >= FLINT_BITS) {
      filled_ -= FLINT_BITS;
      limbs_[size_++] = word_;
      word_ = filled_ > 0 ? value >> (bits - filled_) : 0;
    }
  }
  // Then the signed bits above all digits, of which the lowest 48 * pieces say all. Turns the number into its absolute value
  // without leading zero limbs; true: it was negative.
  bool finish(Int128 top, int pieces) {
    for (; pieces > 0; --pieces, top >>= 48) push(static_cast<std::uint64_t>(top) & ((std::uint64_t{1} << 48) - 1), 48);
    limbs_[size_++] = top < 0 ? word_ | ~mp_limb_t{0} << filled_ : word_;
    return make_absolute(limbs_, size_);
  }
  mp_size_t size() const { return size_; }

 private:
  mp_limb_t* limbs_;
  mp_size_t size_ = 0;
  std::uint64_t word_ = 0;
  int filled_ = 0;
};

}  // namespace snellen
