// The checker's exponential: of no more bits than the argument's width deserves, and yet around every value.
#include "proofs/checker/operations.hpp"

#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("the exponential of an interval contains those of its points, and is hardly wider") {
  constexpr long bits = 300;
  const check::Operations o(bits);
  const IntervalArithmetic &a = o.arithmetic(), wide(600);
  SplitMix64 random(4);
  for (int round = 0; round < 400; ++round) {
    check::Number x = a.of((static_cast<double>(random.below(4001)) - 2000) / 64);
    a.div(x, x, a.of(3));
    const int log_width = -static_cast<int>(random.below(330));
    mpfr_set(check::upper(x), check::lower(x), MPFR_RNDN);
    if (random.below(8) != 0) mpfr_add_d(check::upper(x), check::upper(x), std::ldexp(0.75, log_width), MPFR_RNDU);
    check::Number low = wide.zero(), high = wide.zero(), y = x;
    mpfi_set_fr(IntervalArithmetic::raw(low), check::lower(x));
    mpfi_set_fr(IntervalArithmetic::raw(high), check::upper(x));
    wide.exp(low, low);
    wide.exp(high, high);
    o.exp(y);
    CAPTURE(round, log_width, check::shown(x), check::shown(y));
    CHECK(mpfr_lessequal_p(check::lower(y), check::upper(low)));
    CHECK(mpfr_lessequal_p(check::lower(high), check::upper(y)));
    // No more than 1 + width + 2^-38 of it, beside the width itself.
    Dyadic width(64), allowed(64);
    mpfr_sub(width.get(), check::upper(x), check::lower(x), MPFR_RNDU);
    mpfr_sqr(allowed.get(), width.get(), MPFR_RNDU);
    mpfr_mul_2si(width.get(), width.get(), -38, MPFR_RNDU);
    mpfr_add(allowed.get(), allowed.get(), width.get(), MPFR_RNDU);
    mpfr_add_d(allowed.get(), allowed.get(), std::ldexp(1.0, 4 - bits), MPFR_RNDU);
    mpfr_mul(allowed.get(), allowed.get(), check::upper(high), MPFR_RNDU);
    mpfr_add(allowed.get(), allowed.get(), check::upper(high), MPFR_RNDU);
    if (log_width < -2) CHECK(mpfr_lessequal_p(check::upper(y), allowed.get()));
  }
}
