// The checker's intervals, compared.
#pragma once

#include "lib/number/dyadic.hpp"
#include "proofs/checker/arithmetic.hpp"

namespace snellen::testing {

inline bool overlap(const check::Number& x, const check::Number& y) {
  return check::is_finite(x) && check::is_finite(y) && mpfr_lessequal_p(check::lower(x), check::upper(y)) && mpfr_lessequal_p(check::lower(y), check::upper(x));
}
inline double width(const check::Number& x) {
  Dyadic d(53);
  mpfr_sub(d.get(), check::upper(x), check::lower(x), MPFR_RNDU);
  return d.to_double(MPFR_RNDU);
}

}  // namespace snellen::testing
