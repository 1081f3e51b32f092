#include "lib/number/real.hpp"

namespace snellen {

RealArithmetic::Number RealArithmetic::of(double value) const {
  Number result;
  mpfr_set_prec(raw(result), bits_);
  mpfr_set_d(raw(result), value, MPFR_RNDN);
  return result;
}

void RealArithmetic::relu(Number& result, const Number& x) const {
  if (mpfr_sgn(raw(x)) < 0)
    mpfr_set_zero(raw(result), +1);
  else
    mpfr_set(raw(result), raw(x), MPFR_RNDN);
}

}  // namespace snellen
