// The exponential in doubles, the same bits on every machine (a C library's differ from one processor to another).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace snellen {

// |near_exp(x) / e^x - 1| <= 2^-46 for -690 <= x <= 690; below, 0 <= near_exp(x), e^x <= 2^-990; above, infinite.
// x = k log 2 + r with |r| <= 0.347: k c1 is exact (c1 has 32 bits, |k| < 2^10), r is off by less than 2^-50; the Taylor polynomial of degree 13 leaves
// out less than 2^-56 and its Horner scheme loses less than 2^-50.
// The same without the ends, for |x| <= 690: no calls and no branches, so that a loop over it becomes vectors. k is rounded by adding 1.5 2^52, whose last bits it becomes.
// Number: double, or GCC's vectors of doubles, with Bits as many 64-bit integers.
template <class Number, class Bits>
[[gnu::always_inline]] inline void near_exp_within(Number& x) {
  constexpr double c1 = 0x1.62e42fee00000p-1, c2 = 0x1.a39ef35793c76p-33;  // log 2 = c1 + c2 to 2^-86
  constexpr double shift = 0x1.8p52;
  const Number shifted = x * 0x1.71547652b82fep+0 + shift, k = shifted - shift;
  const Number r = (x - k * c1) - k * c2;
  Number sum = r * (1.0 / 6227020800) + 1.0 / 479001600;
  for (const double factorial : {39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0}) sum = sum * r + 1 / factorial;
  Bits bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  Number power;  // 2^k
  std::memcpy(&power, &bits, sizeof bits);
  x = sum * power;
}
inline double near_exp(double x) {
  if (x < -690) return 0;
  if (x > 690) return INFINITY;
  near_exp_within<double, std::uint64_t>(x);
  return x;
}

// 1 / (1 + e^-x), within a factor 1 +- 2^-44 for |x| <= 690; within 2^-990 of it below, and of 1 above.
inline double near_sigmoid(double x) { return 1 / (1 + near_exp(-x)); }
// Within 2^-43 of tanh x.
inline double near_tanh(double x) { return 2 * near_sigmoid(2 * x) - 1; }

}  // namespace snellen
