#include "lib/number/dual.hpp"

#include <utility>

namespace snellen {

void DualArithmetic::chain(Number& result, const Number& x, Interval value, const Interval& slope) const {
  inner_.mul(result.tangent, x.tangent, slope);
  result.value = std::move(value);
}

void DualArithmetic::add(Number& result, const Number& x, const Number& y) const {
  inner_.add(result.tangent, x.tangent, y.tangent);
  inner_.add(result.value, x.value, y.value);
}

void DualArithmetic::sub(Number& result, const Number& x, const Number& y) const {
  inner_.sub(result.tangent, x.tangent, y.tangent);
  inner_.sub(result.value, x.value, y.value);
}

void DualArithmetic::mul(Number& result, const Number& x, const Number& y) const {
  Interval first = inner_.zero(), second = inner_.zero();
  inner_.mul(first, x.tangent, y.value);
  inner_.mul(second, x.value, y.tangent);
  inner_.mul(result.value, x.value, y.value);
  inner_.add(result.tangent, first, second);
}

void DualArithmetic::mul(Number& result, const Number& x, double y) const {
  inner_.mul(result.tangent, x.tangent, y);
  inner_.mul(result.value, x.value, y);
}

void DualArithmetic::div(Number& result, const Number& x, const Number& y) const {  // (x' - (x / y) y') / y
  Interval quotient = inner_.zero(), change = inner_.zero();
  inner_.div(quotient, x.value, y.value);
  inner_.mul(change, quotient, y.tangent);
  inner_.sub(change, x.tangent, change);
  inner_.div(result.tangent, change, y.value);
  result.value = std::move(quotient);
}

void DualArithmetic::sqrt(Number& result, const Number& x) const {
  Interval root = inner_.zero(), slope = inner_.of(0.5);
  inner_.sqrt(root, x.value);
  inner_.div(slope, slope, root);
  chain(result, x, std::move(root), slope);
}

void DualArithmetic::exp(Number& result, const Number& x) const {
  Interval value = inner_.zero();
  inner_.exp(value, x.value);
  const Interval slope = value;
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::log(Number& result, const Number& x) const {
  Interval value = inner_.zero(), slope = inner_.of(1);
  inner_.log(value, x.value);
  inner_.div(slope, slope, x.value);
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::tanh(Number& result, const Number& x) const {  // 1 - tanh^2
  Interval value = inner_.zero(), slope = inner_.zero();
  inner_.tanh(value, x.value);
  inner_.sqr(slope, value);
  inner_.sub(slope, inner_.of(1), slope);
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::erf(Number& result, const Number& x) const {  // 2 e^(-x^2) / sqrt(pi)
  Interval value = inner_.zero(), slope = inner_.zero(), pi = inner_.zero();
  inner_.erf(value, x.value);
  inner_.sqr(slope, x.value);
  inner_.mul(slope, slope, -1.0);
  inner_.exp(slope, slope);
  inner_.mul(slope, slope, 2.0);
  inner_.pi(pi);
  inner_.sqrt(pi, pi);
  inner_.div(slope, slope, pi);
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::cos(Number& result, const Number& x) const {
  Interval value = inner_.zero(), slope = inner_.zero();
  inner_.cos(value, x.value);
  inner_.sin(slope, x.value);
  inner_.mul(slope, slope, -1.0);
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::sin(Number& result, const Number& x) const {
  Interval value = inner_.zero(), slope = inner_.zero();
  inner_.sin(value, x.value);
  inner_.cos(slope, x.value);
  chain(result, x, std::move(value), slope);
}

void DualArithmetic::relu(Number& result, const Number& x) const {
  Interval value = inner_.zero(), slope = inner_.of(1);
  inner_.relu(value, x.value);
  if (mpfr_sgn(&inner_.raw(x.value)->right) < 0) slope = inner_.zero();
  else if (mpfr_sgn(&inner_.raw(x.value)->left) <= 0) mpfi_interv_d(inner_.raw(slope), 0, 1);
  chain(result, x, std::move(value), slope);
}

}  // namespace snellen
