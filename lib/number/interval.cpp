#include "lib/number/interval.hpp"

namespace snellen {

IntervalArithmetic::Number IntervalArithmetic::of(double value) const {
  Number result;
  mpfi_set_prec(raw(result), bits_);
  mpfi_set_d(raw(result), value);
  return result;
}

void IntervalArithmetic::erf(Number& result, const Number& x) const {
  mpfr_erf(&raw(result)->left, &raw(x)->left, MPFR_RNDD);
  mpfr_erf(&raw(result)->right, &raw(x)->right, MPFR_RNDU);
}

void IntervalArithmetic::relu(Number& result, const Number& x) const {
  if (&result != &x) mpfi_set(raw(result), raw(x));
  if (mpfr_sgn(&raw(result)->left) < 0) mpfr_set_zero(&raw(result)->left, +1);
  if (mpfr_sgn(&raw(result)->right) < 0) mpfr_set_zero(&raw(result)->right, +1);
}

Enclosure IntervalArithmetic::enclosure(const Number& x) const {
  Enclosure result{Dyadic::of(&raw(x)->left), Dyadic::of(&raw(x)->right)};
  if (mpfr_nan_p(result.lower.get()) || mpfr_nan_p(result.upper.get())) {
    mpfr_set_inf(result.lower.get(), -1);
    mpfr_set_inf(result.upper.get(), +1);
  }
  return result;
}

}  // namespace snellen
