// Midpoints as long integers in digits of 52 bits, and sums of their products back as midpoints: what products with two long sides share.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/limb_writer.hpp"
#include "lib/number/exact_product/long_kernels.hpp"

namespace snellen {

inline std::size_t long_digits_for(slong bits) { return static_cast<std::size_t>((bits + long_digit_bits - 1) / long_digit_bits); }

// Cuts midpoints into digits; owned by one thread.
class DigitCutter {
 public:
  // words[d * stride] for d < digits, the lowest first: those of trunc(x / 2^unit) + 2^offset (nothing is added where offset < 0; x is then not
  // negative). Needs |x| < 2^(unit + offset), or x < 2^(unit + 52 digits). True: bits were cut off.
  bool cut(const arf_struct* x, slong unit, slong offset, std::size_t digits, std::uint64_t* words, std::size_t stride) {
    const std::size_t limbs = digits * long_digit_bits / FLINT_BITS + 1;
    number_.assign(limbs + 1, 0);
    const slong integer_bits = arf_is_zero(x) ? 0 : ARF_EXP(x) - unit;
    if (integer_bits > 0) first_bits(number_.data(), static_cast<slong>(limbs), mantissa(x), integer_bits, ARF_SGNBIT(x) != 0);
    if (offset >= 0) mpn_add_1(number_.data() + offset / FLINT_BITS, number_.data() + offset / FLINT_BITS,
                               static_cast<mp_size_t>(limbs) - offset / FLINT_BITS, mp_limb_t{1} << (offset % FLINT_BITS));
    for (std::size_t d = 0; d < digits; ++d) words[d * stride] = digit_at<long_digit_bits>(number_.data(), d * long_digit_bits);
    return !arf_is_zero(x) && last_bit(x) < unit;
  }

 private:
  std::vector<mp_limb_t> number_;
};

// What the offsets of both sides added to a sum of products A'_k B'_k, k < count: A'_k = A_k + 2^(52 a_digits - 1), and B'_k = B_k + 2^(52 b_digits
// - 1 - headroom) where a_sums is given, else B'_k = B_k.
struct Offsets {
  std::size_t a_digits, b_digits, count;
  int headroom;                  // at most 50
  const std::uint64_t* b_sums;   // [b_digits]: sums over k of the digits of B'_k
  const std::uint64_t* a_sums;   // [a_digits], of A'_k; or null
};

// Writes sum_k A_k B_k from the words sums[8 d], d < a_digits + b_digits; true: it is negative. With D_A = 52 a_digits and so on,
//   sum A B = sum A'B' - 2^(D_A - 1) sum B' - 2^(D_B - 1 - headroom) sum A' + count 2^(D_A + D_B - 2 - headroom),
// in one pass of signed 128-bit carries: every term is below 2^(64 + 51).
inline bool write_sum(LimbWriter& writer, const std::uint64_t* sums, const Offsets& o) {
  const std::size_t digits = o.a_digits + o.b_digits;
  Int128 carry = 0;
  for (std::size_t d = 0; d < digits; ++d) {
    carry += sums[d * long_lanes];
    if (d + 1 >= o.a_digits && d + 1 - o.a_digits < o.b_digits) carry -= static_cast<Int128>(o.b_sums[d + 1 - o.a_digits]) << 51;
    if (o.a_sums != nullptr) {
      if (d + 1 >= o.b_digits && d + 1 - o.b_digits < o.a_digits) carry -= static_cast<Int128>(o.a_sums[d + 1 - o.b_digits]) << (51 - o.headroom);
      if (d + 1 == digits) carry += static_cast<Int128>(o.count) << (50 - o.headroom);
    }
    writer.push(static_cast<std::uint64_t>(carry) & ((std::uint64_t{1} << long_digit_bits) - 1), long_digit_bits);
    carry >>= long_digit_bits;
  }
  return writer.finish(carry, 1);
}

// A bound that is not negative, significand 2^exponent with a significand in [1, 2) or zero, for sums of terms of very different sizes. Sums are
// rounded up.
class Bound {
 public:
  Bound() = default;
  // value 2^exponent; value is zero or a normal double.
  Bound(double value, slong exponent) {
    if (value == 0) return;
    const auto word = std::bit_cast<std::uint64_t>(value);
    significand_ = std::bit_cast<double>((word & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1023} << 52);
    exponent_ = exponent + static_cast<slong>(word >> 52) - 1023;
  }
  friend Bound operator+(const Bound& a, const Bound& b) {
    if (a.significand_ == 0) return b;
    if (b.significand_ == 0) return a;
    if (a.exponent_ < b.exponent_) return b + a;
    const slong shift = std::max<slong>(b.exponent_ - a.exponent_, -900);
    const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(shift + 1023) << 52);
    return {(a.significand_ + b.significand_ * power) * (1 + 0x1p-50), a.exponent_};
  }
  friend bool operator<(const Bound& a, const Bound& b) {
    if (a.zero() || b.zero()) return a.zero() && !b.zero();
    return a.exponent_ < b.exponent_ || (a.exponent_ == b.exponent_ && a.significand_ < b.significand_);
  }
  bool zero() const { return significand_ == 0; }
  slong top() const { return exponent_ + 1; }  // the bound is below 2^top
  void get(mag_t bound) const { set_radius(bound, significand_, exponent_); }

 private:
  double significand_ = 0;
  slong exponent_ = 0;
};

}  // namespace snellen
