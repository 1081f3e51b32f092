// Complex balls as values: Arb's acb_t, a rectangle of two real balls.
#pragma once

#include <cstddef>
#include <utility>

#include "lib/number/flint.hpp"
#if __has_include(<flint/acb.h>)
#include <flint/acb.h>
#else
#include <acb.h>
#endif

namespace snellen {

class ComplexBall {
 public:
  ComplexBall() { acb_init(ball_); }
  ComplexBall(const ComplexBall& other) : ComplexBall() { acb_set(ball_, other.ball_); }
  ComplexBall(ComplexBall&& other) noexcept : ComplexBall() { acb_swap(ball_, other.ball_); }
  ComplexBall& operator=(ComplexBall other) noexcept { return acb_swap(ball_, other.ball_), *this; }
  ~ComplexBall() { acb_clear(ball_); }
  operator acb_ptr() { return ball_; }
  operator acb_srcptr() const { return ball_; }
  arb_ptr real() { return acb_realref(ball_); }
  arb_ptr imag() { return acb_imagref(ball_); }
  arb_srcptr real() const { return acb_realref(ball_); }
  arb_srcptr imag() const { return acb_imagref(ball_); }

 private:
  acb_t ball_;
};

// e^(i angle).
inline void set_unit(acb_ptr result, arb_srcptr angle, long bits) { arb_sin_cos(acb_imagref(result), acb_realref(result), angle, bits); }

// result += Re(a b).
inline void add_real_product(arb_ptr result, acb_srcptr a, acb_srcptr b, long bits) {
  arb_addmul(result, acb_realref(a), acb_realref(b), bits);
  arb_submul(result, acb_imagref(a), acb_imagref(b), bits);
}

}  // namespace snellen
