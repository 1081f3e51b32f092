#include "lib/number/real_rounder.hpp"

#include <cmath>
#include <cstdint>
#include <random>

#include "lib/number/flint_caches.hpp"
#include "tests/catch.hpp"

namespace {

using namespace snellen;

using MpfrFunction = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

// MPFR's own correct rounding to `precision` bits; right for results that are normal in the format.
double by_mpfr(MpfrFunction function, double x, int precision) {
  Dyadic argument = Dyadic::of(x), result(precision);
  function(result.get(), argument.get(), MPFR_RNDN);
  return result.to_double(MPFR_RNDN);
}

double random_argument(std::mt19937_64& random, int precision) {
  const double significand = 1 + std::ldexp(static_cast<double>(random() >> (65 - precision)), 1 - precision);
  return std::ldexp(random() & 1 ? significand : -significand, static_cast<int>(random() % 24) - 18);
}

}  // namespace

TEST_CASE("real rounder: exp, tanh, erf and 1/sqrt are correctly rounded", "[functions]") {
  const FlintCaches caches;
  std::mt19937_64 random(1);
  std::size_t checked = 0, hard = 0;
  for (const char* name : {"fp64", "fp32", "bf16", "fp16", "p25:-300:300", "p40:-1000:1000"}) {
    const Format format = *find_format(name);
    const FunctionRounder f(format);
    const DoubleRounder r(format);
    const double smallest = format.smallest_normal().to_double(MPFR_RNDN), largest = r.largest();
    const auto same = [&](double ours, double theirs) {
      if (std::fabs(theirs) < smallest || std::fabs(theirs) > largest) return;
      REQUIRE(ours == theirs);
      ++checked;
    };
    for (int i = 0; i < 3000; ++i) {
      const double x = random_argument(random, format.precision);
      INFO(name << " at " << Dyadic::of(x).hex());
      same(f.exp(x), by_mpfr(mpfr_exp, x, format.precision));
      same(f.tanh(x), by_mpfr(mpfr_tanh, x, format.precision));
      same(f.erf(x), by_mpfr(mpfr_erf, x, format.precision));
      same(f.inverse_sqrt(std::fabs(x)), by_mpfr(mpfr_rec_sqrt, std::fabs(x), format.precision));
      hard += r(std::tanh(x) * (1 - 0x1p-44)) != r(std::tanh(x) * (1 + 0x1p-44));
    }
  }
  REQUIRE(checked > 60000);
  REQUIRE(hard > 100);  // the C library alone would not have decided these
}

TEST_CASE("real rounder: functions at the edges", "[functions]") {
  const FlintCaches caches;
  const double infinity = INFINITY, nan = NAN;
  for (const Format& format : shipped_formats()) {
    if (format.overflow != Overflow::infinity) continue;
    const FunctionRounder f(format);
    INFO(format.name);
    CHECK(f.exp(0.0) == 1);
    CHECK(f.exp(-0.0) == 1);
    CHECK(f.exp(-infinity) == 0);
    CHECK(f.exp(infinity) == infinity);
    CHECK(f.exp(1e308) == infinity);
    CHECK(f.exp(-1e308) == 0);
    CHECK(f.exp(-1199.5) == 0);
    CHECK(f.exp(1099.5) == infinity);
    CHECK(std::isnan(f.exp(nan)));
    CHECK(f.tanh(infinity) == 1);
    CHECK(f.tanh(-1e300) == -1);
    CHECK(f.tanh(399.0) == 1);
    CHECK((f.tanh(-0.0) == 0 && std::signbit(f.tanh(-0.0))));
    CHECK(f.erf(-infinity) == -1);
    CHECK(f.erf(29.5) == 1);
    CHECK(std::isnan(f.erf(nan)));
    CHECK(f.inverse_sqrt(0.0) == infinity);
    CHECK(f.inverse_sqrt(infinity) == 0);
    CHECK(f.inverse_sqrt(0.25) == 2);
    CHECK(std::isnan(f.inverse_sqrt(-1.0)));
    // Subnormal results: the smallest one, and the tie-free neighbourhood of its half.
    const double step = format.smallest_subnormal().to_double(MPFR_RNDN);
    CHECK(f.exp(std::log(step) + 0.01) == step);
    CHECK(f.exp(std::log(step) - 0.7) == 0);
  }
}

TEST_CASE("real rounder: rotations, roots and powers are correctly rounded real numbers", "[functions]") {
  const FlintCaches caches;
  std::size_t checked = 0;
  for (const char* name : {"fp64", "fp32", "bf16"}) {
    const Format format = *find_format(name);
    for (const std::int64_t position : {0, 1, 2, 77, 4095, 1000003, 2147483647}) {
      for (const std::int64_t f : {0, 1, 13, 31}) {
        const CosSin ours = round_rotation(format, position, 10000, 2 * f, 64);
        Dyadic angle(3000), exponent(3000), cos(format.precision), sin(format.precision);
        mpfr_set_si(exponent.get(), -2 * f, MPFR_RNDN);
        mpfr_div_ui(exponent.get(), exponent.get(), 64, MPFR_RNDN);
        mpfr_set_ui(angle.get(), 10000, MPFR_RNDN);
        mpfr_pow(angle.get(), angle.get(), exponent.get(), MPFR_RNDN);
        mpfr_mul_si(angle.get(), angle.get(), position, MPFR_RNDN);
        mpfr_sin_cos(sin.get(), cos.get(), angle.get(), MPFR_RNDN);
        INFO(name << " position " << position << " frequency " << f);
        CHECK(ours.cos == cos.to_double(MPFR_RNDN));
        CHECK(ours.sin == sin.to_double(MPFR_RNDN));
        checked += 2;
      }
    }
    for (const double x : {1.0, 2.0, 64.0, 576.0, 80.0}) {
      CHECK(round_sqrt(format, x) == by_mpfr(mpfr_sqrt, x, format.precision));
      CHECK(round_inverse_sqrt(format, x) == by_mpfr(mpfr_rec_sqrt, x, format.precision));
    }
    CHECK(round_power_of_two(format, -8, 1) == 0x1p-8);
    CHECK(round_power_of_two(format, -16, 4) == 0x1p-4);
    CHECK(round_power_of_two(format, -1, 2) == round_inverse_sqrt(format, 2));
  }
  REQUIRE(checked == 168);
  // A root that is a midpoint of the format, exactly: to even.
  CHECK(round_sqrt(*find_format("p3:-10:10"), 1.125 * 1.125) == 1);
}
