#include "proofs/checker/rounded_number.hpp"

#include <algorithm>
#include <limits>

namespace snellen::check {

RoundedNumber rounded(const Number& x) {
  if (!is_finite(x)) return {0, std::numeric_limits<double>::infinity()};
  const double middle = mpfi_get_d(IntervalArithmetic::raw(x));
  Dyadic above(64), below(64);
  mpfr_sub_d(above.get(), upper(x), middle, MPFR_RNDU);
  mpfr_d_sub(below.get(), middle, lower(x), MPFR_RNDU);
  return {middle, std::max(above.to_double(MPFR_RNDU), below.to_double(MPFR_RNDU))};
}

}  // namespace snellen::check
