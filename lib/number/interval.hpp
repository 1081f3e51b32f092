// Interval arithmetic: MPFI through Boost.Multiprecision. Endpoints are rounded outward, so an interval contains the exact result of
// the operation on everything that its operands contain. It shares no arithmetic with the ball world.
//
// As in real.hpp, Boost's operators are not used (their precision is a default that threads share, and comparing intervals that overlap throws):
// every number is made with this context's precision, and every operation names its result.
#pragma once

#include <boost/multiprecision/mpfi.hpp>

#include "lib/number/arithmetic.hpp"
#include "lib/number/enclosure.hpp"

namespace snellen {

class IntervalArithmetic {
 public:
  static constexpr bool certified = true;
  using Number = boost::multiprecision::number<boost::multiprecision::mpfi_float_backend<0>, boost::multiprecision::et_off>;

  explicit IntervalArithmetic(long bits) : bits_(bits) {}
  long bits() const { return bits_; }
  IntervalArithmetic with_bits(long bits) const { return IntervalArithmetic(bits); }

  Number zero() const { return of(0.0); }
  Number of(double value) const;
  static mpfi_ptr raw(Number& x) { return x.backend().data(); }
  static mpfi_srcptr raw(const Number& x) { return x.backend().data(); }

  // result contains x op y; any arguments may alias.
  void add(Number& result, const Number& x, const Number& y) const { mpfi_add(raw(result), raw(x), raw(y)); }
  void sub(Number& result, const Number& x, const Number& y) const { mpfi_sub(raw(result), raw(x), raw(y)); }
  void mul(Number& result, const Number& x, const Number& y) const { mpfi_mul(raw(result), raw(x), raw(y)); }
  void mul(Number& result, const Number& x, double y) const { mpfi_mul_d(raw(result), raw(x), y); }
  void div(Number& result, const Number& x, const Number& y) const { mpfi_div(raw(result), raw(x), raw(y)); }
  void sqr(Number& result, const Number& x) const { mpfi_sqr(raw(result), raw(x)); }
  void sqrt(Number& result, const Number& x) const { mpfi_sqrt(raw(result), raw(x)); }
  void exp(Number& result, const Number& x) const { mpfi_exp(raw(result), raw(x)); }
  void log(Number& result, const Number& x) const { mpfi_log(raw(result), raw(x)); }
  void tanh(Number& result, const Number& x) const { mpfi_tanh(raw(result), raw(x)); }
  void erf(Number& result, const Number& x) const;  // monotone: MPFR's, rounded both ways
  void cos(Number& result, const Number& x) const { mpfi_cos(raw(result), raw(x)); }
  void sin(Number& result, const Number& x) const { mpfi_sin(raw(result), raw(x)); }
  void pi(Number& result) const { mpfi_const_pi(raw(result)); }
  void relu(Number& result, const Number& x) const;
  // Some double near the middle of x: a shift that need not be exact.
  double near(const Number& x) const { return mpfi_get_d(raw(x)); }

  Enclosure enclosure(const Number& x) const;

 private:
  long bits_;
};

}  // namespace snellen
