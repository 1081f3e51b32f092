// A non-negative upper bound as a value: FLINT's mag_t. Every operation rounds up, so a bound stays a bound.
#pragma once

#include "lib/number/flint.hpp"

namespace snellen {

class Magnitude {
 public:
  Magnitude() { mag_init(value_); }
  Magnitude(const Magnitude& other) : Magnitude() { mag_set(value_, other.value_); }
  Magnitude(Magnitude&& other) noexcept : Magnitude() { mag_swap(value_, other.value_); }
  Magnitude& operator=(Magnitude other) noexcept { return mag_swap(value_, other.value_), *this; }
  ~Magnitude() { mag_clear(value_); }

  // At least |x|, for every x of the ball.
  static Magnitude of(arb_srcptr x) {
    Magnitude result;
    arb_get_mag(result.value_, x);
    return result;
  }
  // At least the radius of the ball.
  static Magnitude radius_of(arb_srcptr x) {
    Magnitude result;
    mag_set(result.value_, arb_radref(x));
    return result;
  }
  static Magnitude of(unsigned long x) {
    Magnitude result;
    mag_set_ui(result.value_, x);
    return result;
  }

  mag_ptr get() { return value_; }
  mag_srcptr get() const { return value_; }
  bool is_finite() const { return mag_is_finite(value_) != 0; }
  bool is_zero() const { return mag_is_zero(value_) != 0; }
  // For decisions about speed only.
  double log2() const { return mag_is_zero(value_) ? -1e300 : mag_get_d_log2_approx(value_); }

  Magnitude& operator+=(const Magnitude& x) { return mag_add(value_, value_, x.value_), *this; }
  Magnitude& operator*=(const Magnitude& x) { return mag_mul(value_, value_, x.value_), *this; }
  friend Magnitude operator+(Magnitude x, const Magnitude& y) { return x += y; }
  friend Magnitude operator*(Magnitude x, const Magnitude& y) { return x *= y; }
  friend bool operator<(const Magnitude& x, const Magnitude& y) { return mag_cmp(x.value_, y.value_) < 0; }
  // x 2^e.
  friend Magnitude shifted(Magnitude x, long e) { return mag_mul_2exp_si(x.value_, x.value_, e), x; }
  friend Magnitude expm1(Magnitude x) { return mag_expm1(x.value_, x.value_), x; }

 private:
  mag_t value_;
};

}  // namespace snellen
