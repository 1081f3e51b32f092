// Products of exact weights with intervals: what every choice of points gives is enclosed, and not by much more.
#include "proofs/checker/fixed_dot.hpp"

#include <array>
#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

double some_double(SplitMix64& random, int reach) {
  const double m = 1 + static_cast<double>(random.below(std::uint64_t{1} << 52)) * 0x1p-52;
  return (random.below(2) == 0 ? -m : m) * std::ldexp(1.0, static_cast<int>(random.below(static_cast<std::uint64_t>(2 * reach + 1))) - reach);
}

// The ends of the exact range of weights . x; how wide an enclosure may be.
struct Range {
  Dyadic low{4000}, high{4000}, widest{4000};
};

Range exact_range(const std::vector<double>& weights, const check::Vector& x, long bits) {
  Range range;
  Dyadic term(4000), largest(64), widest(64);
  for (std::size_t j = 0; j < x.size(); ++j) {
    for (const bool upper_end : {false, true}) {
      mpfr_srcptr end = (weights[j] >= 0) == upper_end ? check::upper(x[j]) : check::lower(x[j]);
      mpfr_mul_d(term.get(), end, weights[j], MPFR_RNDN);
      Dyadic& sum = upper_end ? range.high : range.low;
      mpfr_add(sum.get(), sum.get(), term.get(), MPFR_RNDN);
    }
    // Wider by no more than what the grid and the last rounding cost: about 2^-(bits - 10) of the largest product, or 2^-36 of the widest.
    for (std::size_t k = 0; k < x.size(); ++k) {
      mpfr_set(term.get(), mpfr_cmpabs(check::lower(x[k]), check::upper(x[k])) > 0 ? check::lower(x[k]) : check::upper(x[k]), MPFR_RNDN);
      mpfr_mul_d(term.get(), term.get(), weights[j], MPFR_RNDN);
      mpfr_abs(term.get(), term.get(), MPFR_RNDN);
      mpfr_max(largest.get(), largest.get(), term.get(), MPFR_RNDU);
      mpfr_sub(term.get(), check::upper(x[k]), check::lower(x[k]), MPFR_RNDU);
      mpfr_mul_d(term.get(), term.get(), std::fabs(weights[j]), MPFR_RNDU);
      mpfr_max(widest.get(), widest.get(), term.get(), MPFR_RNDU);
    }
  }
  mpfr_mul_2si(largest.get(), largest.get(), 10 - bits, MPFR_RNDU);
  mpfr_mul_2si(widest.get(), widest.get(), -36, MPFR_RNDU);
  mpfr_sub(range.widest.get(), range.high.get(), range.low.get(), MPFR_RNDU);
  mpfr_mul_d(range.widest.get(), range.widest.get(), 1 + 0x1p-40, MPFR_RNDU);
  mpfr_add(range.widest.get(), range.widest.get(), largest.get(), MPFR_RNDU);
  mpfr_add(range.widest.get(), range.widest.get(), widest.get(), MPFR_RNDU);
  return range;
}

}  // namespace

TEST_CASE("rows of weights times intervals enclose every choice of points") {
  SplitMix64 random(5);
  const auto kernels = check::digit_kernels();
  for (int round = 0; round < 600; ++round) {
    const check::DigitKernel& kernel = kernels[static_cast<std::size_t>(round) % kernels.size()];
    const long bits = 64 + static_cast<long>(random.below(9)) * 50;
    const IntervalArithmetic a(bits);
    const std::size_t size = 1 + random.below(12);
    check::Vector x;
    for (std::size_t j = 0; j < size; ++j) {
      check::Number entry = a.of(random.below(5) == 0 ? 0 : some_double(random, 30));
      if (random.below(3) == 0) mpfr_add_d(check::upper(entry), check::upper(entry), std::fabs(some_double(random, 30)) * 0x1p-40, MPFR_RNDU);
      if (random.below(4) == 0) mpfi_div_ui(IntervalArithmetic::raw(entry), IntervalArithmetic::raw(entry), 3);
      x.push_back(std::move(entry));
    }
    std::vector<std::vector<double>> rows(1 + random.below(6));
    for (std::vector<double>& row : rows) {
      const int reach = std::array{0, 2, 40, 900}[random.below(4)];
      for (std::size_t j = 0; j < size; ++j) row.push_back(random.below(6) == 0 ? 0 : some_double(random, reach));
    }
    check::Vector products(rows.size(), a.zero());
    check::FixedRows(rows, kernel).times(check::FixedVector(x, bits), products);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const check::Number& y = products[i];
      const Range range = exact_range(rows[i], x, bits);
      CAPTURE(kernel.name, round, bits, size, i);
      REQUIRE(check::is_finite(y));
      REQUIRE(mpfr_lessequal_p(check::lower(y), range.low.get()));
      REQUIRE(mpfr_lessequal_p(range.high.get(), check::upper(y)));
      Dyadic width(4000);
      mpfr_sub(width.get(), check::upper(y), check::lower(y), MPFR_RNDU);
      REQUIRE(mpfr_lessequal_p(width.get(), range.widest.get()));
    }
  }
}

TEST_CASE("exact where all is exact; nothing is known of what is not finite") {
  const IntervalArithmetic a(64);
  check::Vector y(1, a.zero());
  const auto times = [&](const std::vector<double>& row, const check::Vector& x, long bits) { check::FixedRows({{row}}).times(check::FixedVector(x, bits), y); };
  times({3, -0.5, 0}, {a.of(7), a.of(0.25), a.of(1e300)}, 1200);
  CHECK(mpfr_cmp_d(check::lower(y[0]), 20.875) == 0);
  CHECK(mpfr_cmp_d(check::upper(y[0]), 20.875) == 0);
  times({0, 0}, {a.of(7), a.zero()}, 64);
  CHECK((mpfr_zero_p(check::lower(y[0])) && mpfr_cmp_d(check::upper(y[0]), 0x1p-900) <= 0));
  check::Vector x{a.of(1), a.of(2)};
  check::set_everything(x[1]);
  times({1, 1}, x, 64);
  CHECK(!check::is_finite(y[0]));
}

TEST_CASE("a radius whose product with a weight is too small for a double is not zero") {
  const IntervalArithmetic a(1200);
  check::Vector x{a.of(1), a.of(5)}, y(1, a.zero());
  mpfr_add_d(check::upper(x[0]), check::upper(x[0]), 0x1p-60, MPFR_RNDU);
  mpfr_add_d(check::upper(x[1]), check::upper(x[1]), 0x1p-200, MPFR_RNDU);
  check::FixedRows({{{0, 0x1p-1000}}}).times(check::FixedVector(x, 1200), y);
  Dyadic above(1200);
  mpfr_mul_2si(above.get(), check::upper(x[1]), -1000, MPFR_RNDN);
  CHECK(mpfr_lessequal_p(above.get(), check::upper(y[0])));
}

TEST_CASE("the largest digits, and more terms than one sum takes") {
  // Digits of 2^20, as large as they can be; one more, and they are -(2^20 - 1) beside a carry.
  const double digits = 0x1p20 + 0x1p41;
  constexpr long bits = 209;  // so that the grid of a vector below 2^42 is a power of 2^21
  const IntervalArithmetic a(bits);
  for (const check::DigitKernel& kernel : check::digit_kernels())
    for (const std::size_t terms : {std::size_t{1}, check::DigitKernel::most_terms, check::DigitKernel::most_terms + 1, 3 * check::DigitKernel::most_terms + 5})
      for (const double sign : {1.0, -1.0})
        for (const double w : {digits, digits + 1, 0x1p42 - 1})
          for (const double v : {digits, digits + 1, 0x1p42 - 1}) {
            check::Vector products(2, a.zero());
            std::vector<std::vector<double>> rows{std::vector<double>(terms, sign * w), std::vector<double>(terms, w)};
            rows[1].back() = -w;
            check::Vector x(terms, a.of(v));
            for (std::size_t j = 0; j < terms; j += 2) rows[0][j] = -rows[0][j], x[j] = a.of(-v);
            // A smaller entry, so that the others are not odd on their own grid.
            rows[0].push_back(1), rows[1].push_back(1), x.push_back(a.of(1));
            check::FixedRows(rows, kernel).times(check::FixedVector(x, bits), products);
            Dyadic wanted(200);
            mpfr_set_d(wanted.get(), w, MPFR_RNDN);
            mpfr_mul_d(wanted.get(), wanted.get(), v, MPFR_RNDN);
            mpfr_mul_d(wanted.get(), wanted.get(), sign * static_cast<double>(terms), MPFR_RNDN);
            mpfr_add_ui(wanted.get(), wanted.get(), 1, MPFR_RNDN);
            CAPTURE(kernel.name, terms, sign, w, v);
            CHECK((mpfr_equal_p(check::lower(products[0]), wanted.get()) && mpfr_equal_p(check::upper(products[0]), wanted.get())));
            // The second row: x alternates, the first of each two negative, and the last weight is.
            mpfr_set_d(wanted.get(), w, MPFR_RNDN);
            mpfr_mul_d(wanted.get(), wanted.get(), v, MPFR_RNDN);
            mpfr_mul_d(wanted.get(), wanted.get(), terms % 2 == 1 ? 1 : -2, MPFR_RNDN);
            mpfr_add_ui(wanted.get(), wanted.get(), 1, MPFR_RNDN);
            CHECK((mpfr_equal_p(check::lower(products[1]), wanted.get()) && mpfr_equal_p(check::upper(products[1]), wanted.get())));
          }
}
