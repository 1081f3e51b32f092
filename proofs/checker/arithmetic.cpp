#include "proofs/checker/arithmetic.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace snellen::check {

bool is_finite(const Vector& x) {
  return std::all_of(x.begin(), x.end(), [](const Number& entry) { return is_finite(entry); });
}

void set_everything(Number& x) {
  mpfr_set_inf(lower(x), -1);
  mpfr_set_inf(upper(x), +1);
}

void unite(Number& x, const Number& y) {
  if (mpfr_nan_p(lower(x)) || mpfr_nan_p(upper(x)) || mpfr_nan_p(lower(y)) || mpfr_nan_p(upper(y))) return set_everything(x);
  mpfi_union(IntervalArithmetic::raw(x), IntervalArithmetic::raw(x), IntervalArithmetic::raw(y));
}

std::string shown(mpfr_srcptr x) { return Dyadic::of(x).decimal(12, MPFR_RNDN); }

std::string shown(const Number& x) {
  return fmt::format("[{}, {}]", Dyadic::of(lower(x)).decimal(12, MPFR_RNDD), Dyadic::of(upper(x)).decimal(12, MPFR_RNDU));
}

}  // namespace snellen::check
