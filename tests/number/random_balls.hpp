// Random balls biased to corners, and points of them.
#pragma once

#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/splitmix64.hpp"

namespace snellen {

// In [-1, 1).
inline double uniform(SplitMix64& random) { return static_cast<double>(static_cast<std::int64_t>(random.next()) >> 10) * 0x1p-53; }

enum class Balls { last_bit, exact_doubles, exact_long, wide, mixed_radii, outlier, tiny, huge, spread, zeros, radii_only, beyond, not_finite };
constexpr Balls all_balls[] = {Balls::last_bit, Balls::exact_doubles, Balls::exact_long, Balls::wide,  Balls::mixed_radii,
                               Balls::outlier,  Balls::tiny,          Balls::huge,       Balls::spread, Balls::zeros,
                               Balls::radii_only, Balls::beyond, Balls::not_finite};

inline void random_midpoint(SplitMix64& random, arb_ptr x, long bits) {
  Ball part;
  arb_zero(x);
  for (long scale = 0; scale > -bits; scale -= 52) {
    arb_set_d(part, uniform(random));
    arb_mul_2exp_si(part, part, scale);
    arb_add(x, x, part, ARF_PREC_EXACT);
  }
  arf_set_round(arb_midref(x), arb_midref(x), bits, ARF_RND_DOWN);
  mag_zero(arb_radref(x));
}

// A radius of about 2^exponent.
inline void set_radius(SplitMix64& random, arb_ptr x, slong exponent) {
  mag_set_ui_2exp_si(arb_radref(x), 1 + (random.next() >> 34), exponent - 30);
}

inline void random_ball(SplitMix64& random, arb_ptr x, Balls kind, long bits) {
  random_midpoint(random, x, bits);
  const slong last = arf_is_zero(arb_midref(x)) ? -bits : ARF_EXP(arb_midref(x)) - bits;
  switch (kind) {
    case Balls::last_bit: set_radius(random, x, last); break;
    case Balls::exact_doubles: arb_set_d(x, std::ldexp(uniform(random), -static_cast<int>(random.below(8)))); break;
    case Balls::exact_long: break;
    case Balls::wide: set_radius(random, x, -static_cast<slong>(random.below(40))); break;
    case Balls::mixed_radii: set_radius(random, x, -static_cast<slong>(random.below(static_cast<std::uint64_t>(bits)))); break;
    case Balls::outlier:
      set_radius(random, x, last);
      if (random.below(20) == 0) arb_mul_2exp_si(x, x, 20);
      break;
    case Balls::tiny:
      set_radius(random, x, last);
      arb_mul_2exp_si(x, x, -100000);
      break;
    case Balls::huge:
      set_radius(random, x, last);
      arb_mul_2exp_si(x, x, 1000000000);
      break;
    case Balls::spread:
      set_radius(random, x, last);
      arb_mul_2exp_si(x, x, -static_cast<slong>(random.below(2000)));
      break;
    case Balls::zeros:
      if (random.below(4) != 0) arb_zero(x);
      break;
    case Balls::radii_only:
      arb_zero(x);
      if (random.below(4) != 0) set_radius(random, x, -static_cast<slong>(random.below(100)));
      break;
    case Balls::beyond:
      if (random.below(30) == 0) {
        Ball power;
        fmpz_t exponent;
        fmpz_init(exponent);
        fmpz_set_si(exponent, random.below(2) == 0 ? 1 : -1);
        fmpz_mul_2exp(exponent, exponent, 70);
        arb_mul_2exp_fmpz(x, x, exponent);
        fmpz_clear(exponent);
      }
      break;
    case Balls::not_finite:
      if (random.below(30) == 0) {
        if (random.below(3) == 0) arf_nan(arb_midref(x));
        else if (random.below(2) == 0) mag_inf(arb_radref(x));
        else arf_pos_inf(arb_midref(x));
      }
      break;
  }
}

inline BallMatrix random_balls(SplitMix64& random, std::size_t rows, std::size_t columns, Balls kind, long bits) {
  BallMatrix x(rows, columns);
  for (std::size_t k = 0; k < rows; ++k)
    for (std::size_t j = 0; j < columns; ++j) random_ball(random, x(k, j), kind, bits);
  return x;
}

// A point of the ball: an end, its midpoint, or one between.
inline void random_point(SplitMix64& random, arb_ptr point, arb_srcptr ball) {
  arf_t radius, share;
  arf_init(radius), arf_init(share);
  arf_set_mag(radius, arb_radref(ball));
  arf_set_d(share, random.below(3) != 0 ? (random.below(2) == 0 ? 1.0 : -1.0) : uniform(random));
  arf_mul(radius, radius, share, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_add(arb_midref(point), arb_midref(ball), radius, ARF_PREC_EXACT, ARF_RND_DOWN);
  mag_zero(arb_radref(point));
  arf_clear(radius), arf_clear(share);
}

}  // namespace snellen
