// What the code computes on random inputs, for tests/proofs/extraction_test.sh, which compares it with formulas extracted from Coq. Not a test by itself: it is asked
// for by its tag, [formulas], and writes to the file that SNELLEN_FORMULAS names.
//
// A line is a formula's name and numbers: integers, or dyadics m 2^e as "m e". The last ones are the code's.
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "lib/number/power_sums.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/repeated_sum.hpp"
#include "tests/bounds/vectors.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

std::string text(const Dyadic& x) {
  if (mpfr_zero_p(x.get())) return "0 0";
  mpz_t m;
  mpz_init(m);
  const mpfr_exp_t e = mpfr_get_z_2exp(m, x.get());
  std::string digits(mpz_sizeinbase(m, 10) + 2, '\0');
  mpz_get_str(digits.data(), 10, m);
  mpz_clear(m);
  std::string result = digits.c_str();
  result += ' ';
  result += std::to_string(e);
  return result;
}
std::string text(double x) { return text(Dyadic::of(x)); }
std::string text(arb_srcptr x) {
  Enclosure e;
  arf_t end;
  arf_init(end);
  arb_get_lbound_arf(end, x, 400);
  e.lower = Dyadic::of(end, MPFR_RNDD);
  arb_get_ubound_arf(end, x, 400);
  e.upper = Dyadic::of(end, MPFR_RNDU);
  arf_clear(end);
  return text(e.lower) + " " + text(e.upper);
}

std::vector<Format> formats() {
  std::vector<Format> all;
  for (const Format& f : shipped_formats())
    if (f.overflow != Overflow::saturate) all.push_back(f);
  for (const char* own : {"p2:-3:3", "p3:-2:2", "p4:-4:5", "p8:-20:20", "p11:-3:9", "p25:-40:40"}) all.push_back(find_format(own).value());
  return all;
}
std::string text(const Format& f) { return std::to_string(f.precision) + " " + std::to_string(f.emin); }

// Near values of the format and the middles between them, subnormal or not: a significand of one bit more, then a few units far below it.
Dyadic near(const Format& f, SplitMix64& random) {
  const long exponent = f.emin - 3 + static_cast<long>(random.below(static_cast<std::uint64_t>(std::min(40L, f.emax - f.emin + 1))));
  Dyadic x(256), unit(256);
  mpfr_set_ui_2exp(x.get(), random.next() >> (63 - std::min(f.precision, 60)), 0, MPFR_RNDN);  // precision + 1 bits
  mpfr_mul_2si(x.get(), x.get(), exponent - std::max(f.precision, 1), MPFR_RNDN);
  if (random.below(3) != 0) {
    mpfr_set_si_2exp(unit.get(), static_cast<long>(random.below(5)) - 2, exponent - f.precision - 1 - static_cast<long>(random.below(100)), MPFR_RNDN);
    mpfr_add(x.get(), x.get(), unit.get(), MPFR_RNDN);  // exact: within 256 bits
  }
  if (random.below(2) == 0) mpfr_neg(x.get(), x.get(), MPFR_RNDN);
  return x;
}

void roundings(std::ostream& out, SplitMix64& random) {
  for (const Format& f : formats())
    for (int i = 0; i < 400; ++i) {
      const Dyadic x = near(f, random);
      const Rounded rounded = round(f, x);
      if (rounded.status != RoundStatus::finite) continue;
      out << "round " << text(f) << " " << text(x) << " " << text(rounded.value) << "\n";
      if (!f.fits_double()) continue;
      const double d = x.to_double(MPFR_RNDN), fast = DoubleRounder(f)(d);
      if (std::isfinite(fast)) out << "round " << text(f) << " " << text(d) << " " << text(fast) << "\n";
    }
}

// Boxes around one point or two, as wide as some units in the last place of the format or much narrower.
std::pair<double, double> box(const Format& f, SplitMix64& random, double centre) {
  const double width = std::ldexp(std::fabs(centre), -f.precision - 2 + static_cast<int>(random.below(6)) - (random.below(2) == 0 ? 20 : 0));
  return {centre - width, centre + (random.below(3) == 0 ? 0 : width)};
}

void verdicts(std::ostream& out, SplitMix64& random) {
  for (const Format& f : formats()) {
    if (f.precision > 40) continue;
    for (int i = 0; i < 300; ++i) {
      const double x = near(f, random).to_double(MPFR_RNDN);
      const double y = random.below(2) == 0 ? x : x * (1 + std::ldexp(static_cast<double>(random.below(5)) - 2, -f.precision));
      const auto a = box(f, random, x), b = box(f, random, y);
      const Verdict verdict = bitwise(RoundedHull(f, certified({a})), RoundedHull(f, certified({b})));
      if (verdict == Verdict::overflow) continue;
      out << "alike " << text(f) << " " << text(a.first) << " " << text(a.second) << " " << text(b.first) << " " << text(b.second) << " "
          << (verdict == Verdict::collapsed ? 0 : verdict == Verdict::distinct ? 1 : 2) << "\n";
    }
  }
}

void distances(std::ostream& out, SplitMix64& random) {
  for (const Metric metric : {Metric::l1, Metric::linf})
    for (int i = 0; i < 300; ++i) {
      const std::size_t size = 1 + random.below(5);
      std::vector<std::pair<double, double>> a, b;
      out << (metric == Metric::l1 ? "l1 " : "linf ") << size;
      for (std::size_t k = 0; k < size; ++k) {
        for (auto* boxes : {&a, &b}) {
          const double low = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random.next()) >> 40), -20 - static_cast<int>(random.below(10)));
          boxes->emplace_back(low, low + std::ldexp(static_cast<double>(random.below(1000)), -12));
          out << " " << text(boxes->back().first) << " " << text(boxes->back().second);
        }
      }
      const Enclosure d = distance(metric, certified(a), certified(b), 200);
      out << " " << text(d.lower) << " " << text(d.upper) << "\n";
    }
}

void repeated_sums(std::ostream& out, SplitMix64& random) {
  for (const Format& f : formats()) {
    if (!f.fits_double()) continue;
    const FormatArithmetic arithmetic(f);
    const RepeatedSum sum(arithmetic);
    for (int i = 0; i < 60; ++i) {
      const double s = random.below(3) == 0 ? 0 : std::fabs(arithmetic(near(f, random).to_double(MPFR_RNDN))), c = arithmetic(near(f, random).to_double(MPFR_RNDN));
      const auto steps = static_cast<std::int64_t>(random.below(300));
      const double after = sum.after(s, c, steps);
      if (std::isfinite(after)) out << "again " << text(f) << " " << text(c) << " " << text(s) << " " << steps << " " << text(after) << "\n";
    }
  }
}

// t_j = 2 (j - centre) / (last - first) over an odd number of integers: sums of j^k over -h .. h, or .. m, divided by h^k.
void power_sums(std::ostream& out, SplitMix64& random) {
  for (int i = 0; i < 200; ++i) {
    const Length h = 1 + random.below(i < 100 ? 20 : 1 << 30), centre = h + 1 + random.below(1 << 20);
    const PowerSums sums(centre - h, centre + h, 3, 300);
    for (std::size_t k = 0; k <= 6; ++k) out << "powers " << k << " " << h << " " << h << " " << text(sums.whole(k)) << "\n";
    const Length n = centre - h + random.below(static_cast<std::uint64_t>(2 * h + 1));
    Ball t, value;
    sums.position(t, n);
    for (std::size_t k = 0; k <= 3; ++k) {
      _arb_poly_evaluate(value, sums.part(k), static_cast<slong>(k) + 2, t, 300);
      out << "powers " << k << " " << h << " " << n - centre << " " << text(value) << "\n";
    }
  }
}

}  // namespace

TEST_CASE("what the code computes, for formulas extracted from Coq", "[.formulas]") {
  const char* file = std::getenv("SNELLEN_FORMULAS");
  REQUIRE(file);
  std::ofstream out(file);
  SplitMix64 random(20240604);  // of the paper's arXiv number
  roundings(out, random);
  verdicts(out, random);
  distances(out, random);
  repeated_sums(out, random);
  power_sums(out, random);
  out.close();
  REQUIRE(out);
}
