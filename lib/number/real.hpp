// Arithmetic of the plain real world: MPFR through Boost.Multiprecision, rounded to nearest. Accurate, not certified.
//
// Boost's variable-precision operators take the precision of their results from a default that threads share, so they are not used: every number
// is made with this context's precision, and every operation names its result.
#pragma once

#include <boost/multiprecision/mpfr.hpp>

#include "lib/number/arithmetic.hpp"

namespace snellen {

class RealArithmetic {
 public:
  static constexpr bool certified = false;
  using Number = boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<0>, boost::multiprecision::et_off>;

  explicit RealArithmetic(long bits) : bits_(bits) {}
  long bits() const { return bits_; }
  RealArithmetic with_bits(long bits) const { return RealArithmetic(bits); }

  Number zero() const { return of(0.0); }
  Number of(double value) const;
  static mpfr_ptr raw(Number& x) { return x.backend().data(); }
  static mpfr_srcptr raw(const Number& x) { return x.backend().data(); }

  // result = x op y, rounded to nearest; any arguments may alias.
  void add(Number& result, const Number& x, const Number& y) const { mpfr_add(raw(result), raw(x), raw(y), MPFR_RNDN); }
  void sub(Number& result, const Number& x, const Number& y) const { mpfr_sub(raw(result), raw(x), raw(y), MPFR_RNDN); }
  void mul(Number& result, const Number& x, const Number& y) const { mpfr_mul(raw(result), raw(x), raw(y), MPFR_RNDN); }
  void mul(Number& result, const Number& x, double y) const { mpfr_mul_d(raw(result), raw(x), y, MPFR_RNDN); }
  void div(Number& result, const Number& x, const Number& y) const { mpfr_div(raw(result), raw(x), raw(y), MPFR_RNDN); }
  void sqr(Number& result, const Number& x) const { mpfr_sqr(raw(result), raw(x), MPFR_RNDN); }
  void sqrt(Number& result, const Number& x) const { mpfr_sqrt(raw(result), raw(x), MPFR_RNDN); }
  void exp(Number& result, const Number& x) const { mpfr_exp(raw(result), raw(x), MPFR_RNDN); }
  void log(Number& result, const Number& x) const { mpfr_log(raw(result), raw(x), MPFR_RNDN); }
  void tanh(Number& result, const Number& x) const { mpfr_tanh(raw(result), raw(x), MPFR_RNDN); }
  void erf(Number& result, const Number& x) const { mpfr_erf(raw(result), raw(x), MPFR_RNDN); }
  void cos(Number& result, const Number& x) const { mpfr_cos(raw(result), raw(x), MPFR_RNDN); }
  void sin(Number& result, const Number& x) const { mpfr_sin(raw(result), raw(x), MPFR_RNDN); }
  void pi(Number& result) const { mpfr_const_pi(raw(result), MPFR_RNDN); }
  void relu(Number& result, const Number& x) const;
  // Some double near x: a shift that need not be exact.
  double near(const Number& x) const { return mpfr_get_d(raw(x), MPFR_RNDN); }

 private:
  long bits_;
};

}  // namespace snellen
