// Products of exact weights with intervals: what every choice of points gives is enclosed, and not by much more.
#include "proofs/checker/fixed_dot.hpp"

#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

double some_double(SplitMix64& random, int reach) {
  const double m = 1 + static_cast<double>(random.below(std::uint64_t{1} << 52)) * 0x1p-52;
  return (random.below(2) == 0 ? -m : m) * std::ldexp(1.0, static_cast<int>(random.below(static_cast<std::uint64_t>(2 * reach + 1))) - reach);
}

}  // namespace

TEST_CASE("a row of weights times intervals encloses every choice of points") {
  SplitMix64 random(5);
  for (int round = 0; round < 400; ++round) {
    const long bits = 64 + static_cast<long>(random.below(4)) * 50;
    const IntervalArithmetic a(bits);
    const std::size_t size = 1 + random.below(12);
    const int reach = round % 3 == 0 ? 2 : round % 3 == 1 ? 40 : 900;
    std::vector<double> weights;
    check::Vector x;
    Dyadic low(4000), high(4000), term(4000);  // the ends of the exact range
    for (std::size_t j = 0; j < size; ++j) {
      weights.push_back(random.below(6) == 0 ? 0 : some_double(random, reach));
      check::Number entry = a.of(random.below(5) == 0 ? 0 : some_double(random, 30));
      if (random.below(3) == 0) mpfr_add_d(check::upper(entry), check::upper(entry), std::fabs(some_double(random, 30)) * 0x1p-40, MPFR_RNDU);
      if (random.below(4) == 0) mpfi_div_ui(IntervalArithmetic::raw(entry), IntervalArithmetic::raw(entry), 3);
      for (const bool upper_end : {false, true}) {
        mpfr_srcptr end = (weights.back() >= 0) == upper_end ? check::upper(entry) : check::lower(entry);
        mpfr_mul_d(term.get(), end, weights.back(), MPFR_RNDN);
        Dyadic& sum = upper_end ? high : low;
        mpfr_add(sum.get(), sum.get(), term.get(), MPFR_RNDN);
      }
      x.push_back(std::move(entry));
    }
    check::Number y = a.zero();
    check::FixedRow(weights).times(check::FixedVector(x, bits), y);
    CAPTURE(round, bits, size, reach);
    REQUIRE(check::is_finite(y));
    REQUIRE(mpfr_lessequal_p(check::lower(y), low.get()));
    REQUIRE(mpfr_lessequal_p(high.get(), check::upper(y)));
    // Wider by no more than what the grid and the last rounding cost: about 2^-(bits - 10) of the largest product, or 2^-36 of the widest.
    Dyadic largest(64), slack(64), widest(64);
    for (std::size_t j = 0; j < size; ++j)
      for (std::size_t k = 0; k < size; ++k) {
        mpfr_set(term.get(), mpfr_cmpabs(check::lower(x[k]), check::upper(x[k])) > 0 ? check::lower(x[k]) : check::upper(x[k]), MPFR_RNDN);
        mpfr_mul_d(term.get(), term.get(), weights[j], MPFR_RNDN);
        mpfr_abs(term.get(), term.get(), MPFR_RNDN);
        mpfr_max(largest.get(), largest.get(), term.get(), MPFR_RNDU);
        mpfr_sub(term.get(), check::upper(x[k]), check::lower(x[k]), MPFR_RNDU);
        mpfr_mul_d(term.get(), term.get(), std::fabs(weights[j]), MPFR_RNDU);
        mpfr_max(widest.get(), widest.get(), term.get(), MPFR_RNDU);
      }
    mpfr_mul_2si(slack.get(), largest.get(), 10 - bits, MPFR_RNDU);
    mpfr_mul_2si(widest.get(), widest.get(), -36, MPFR_RNDU);
    mpfr_add(slack.get(), slack.get(), widest.get(), MPFR_RNDU);
    Dyadic width(4000), wanted(4000);
    mpfr_sub(width.get(), check::upper(y), check::lower(y), MPFR_RNDU);
    mpfr_sub(wanted.get(), high.get(), low.get(), MPFR_RNDU);
    mpfr_mul_d(wanted.get(), wanted.get(), 1 + 0x1p-40, MPFR_RNDU);
    mpfr_add(wanted.get(), wanted.get(), slack.get(), MPFR_RNDU);
    REQUIRE(mpfr_lessequal_p(width.get(), wanted.get()));
  }
}

TEST_CASE("exact where all is exact; nothing is known of what is not finite") {
  const IntervalArithmetic a(64);
  check::Number y = a.zero();
  check::FixedRow({3, -0.5, 0}).times(check::FixedVector({a.of(7), a.of(0.25), a.of(1e300)}, 1200), y);
  CHECK(mpfr_cmp_d(check::lower(y), 20.875) == 0);
  CHECK(mpfr_cmp_d(check::upper(y), 20.875) == 0);
  check::FixedRow({0, 0}).times(check::FixedVector({a.of(7), a.zero()}, 64), y);
  CHECK((mpfr_zero_p(check::lower(y)) && mpfr_cmp_d(check::upper(y), 0x1p-900) <= 0));
  check::Vector x{a.of(1), a.of(2)};
  check::set_everything(x[1]);
  check::FixedRow({1, 1}).times(check::FixedVector(x, 64), y);
  CHECK(!check::is_finite(y));
}
