// Dual numbers over intervals: a value and its derivative along one direction, both enclosed. With them ScalarWorld is forward-mode differentiation, a world that shares
// no arithmetic and no derivative rule with the ball world's reverse mode.
#pragma once

#include "lib/number/interval.hpp"

namespace snellen {

class DualArithmetic {
 public:
  static constexpr bool certified = true;
  struct Number {
    IntervalArithmetic::Number value, tangent;
  };

  explicit DualArithmetic(long bits) : inner_(bits) {}
  long bits() const { return inner_.bits(); }
  DualArithmetic with_bits(long bits) const { return DualArithmetic(bits); }

  Number zero() const { return {inner_.zero(), inner_.zero()}; }
  Number of(double value) const { return {inner_.of(value), inner_.zero()}; }  // a constant
  void seed(Number& x, double tangent) const { x.tangent = inner_.of(tangent); }

  // result contains the value and the derivative of x op y; any arguments may alias.
  void add(Number& result, const Number& x, const Number& y) const;
  void sub(Number& result, const Number& x, const Number& y) const;
  void mul(Number& result, const Number& x, const Number& y) const;
  void mul(Number& result, const Number& x, double y) const;
  void div(Number& result, const Number& x, const Number& y) const;
  void sqr(Number& result, const Number& x) const { mul(result, x, x); }
  void sqrt(Number& result, const Number& x) const;
  void exp(Number& result, const Number& x) const;
  void log(Number& result, const Number& x) const;
  void tanh(Number& result, const Number& x) const;
  void erf(Number& result, const Number& x) const;
  void cos(Number& result, const Number& x) const;
  void sin(Number& result, const Number& x) const;
  void pi(Number& result) const { result = zero(), inner_.pi(result.value); }
  void relu(Number& result, const Number& x) const;  // at the kink the tangent holds every one-sided derivative
  double near(const Number& x) const { return inner_.near(x.value); }

  Enclosure enclosure(const Number& x) const { return inner_.enclosure(x.value); }
  Enclosure tangent(const Number& x) const { return inner_.enclosure(x.tangent); }

 private:
  using Interval = IntervalArithmetic::Number;
  // value = f(x), tangent = slope x.tangent.
  void chain(Number& result, const Number& x, Interval value, const Interval& slope) const;

  IntervalArithmetic inner_;
};

}  // namespace snellen
