// The checker's arithmetic of formats against the processor's, against MPFR and against lib/number, which it shares no code with.
#include "proofs/checker/soft_float.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "lib/number/real_rounder.hpp"
#include "lib/number/splitmix64.hpp"
#include "proofs/checker/judge.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using check::SoftFloat;

namespace {

bool same(double x, double y) { return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y) || (std::isnan(x) && std::isnan(y)); }
// What is not finite is NaN here.
double finite_or_nan(double x) { return std::isfinite(x) ? x : NAN; }

SoftFloat soft(const char* name) { return SoftFloat(*known_format(name)); }

// Every finite value of a format of up to 16 bits.
std::vector<double> values_of(const CertificateFormat& f) {
  std::vector<double> values;
  for (long e = f.emin; e <= f.emax; ++e)
    for (std::int64_t m = e == f.emin ? 0 : std::int64_t{1} << (f.precision - 1); m < (std::int64_t{1} << f.precision); ++m)
      for (const double sign : {1.0, -1.0}) {
        const double x = sign * std::ldexp(static_cast<double>(m), static_cast<int>(e - f.precision + 1));
        if (std::fabs(x) <= SoftFloat(f).largest()) values.push_back(x);
      }
  return values;
}

// A value of the format, often near others, at the ends of binades, tiny or huge.
double draw(SplitMix64& random, const SoftFloat& f, int reach) {
  const double m = 1 + static_cast<double>(random.below(3) == 0 ? random.below(4) : random.below(std::uint64_t{1} << 52)) * 0x1p-52;
  const int e = random.below(8) == 0 ? static_cast<int>(random.below(static_cast<std::uint64_t>(2 * reach))) - reach : static_cast<int>(random.below(60)) - 30;
  const double x = f.round(std::ldexp(random.below(2) == 0 ? m : std::nextafter(2.0, random.below(2) == 0 ? 0 : 3), e));
  return random.below(2) == 0 ? x : -x;
}

// The exact result of MPFR, rounded by the judge's own code.
double exactly(const CertificateFormat& format, double x, double y, int (*operation)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t)) {
  Dyadic result(2300);
  operation(result.get(), Dyadic::of(x).get(), Dyadic::of(y).get(), MPFR_RNDN);
  const check::RoundedEnd rounded = check::round_to(format, result.get());
  if (rounded.finite) return rounded.value.to_double(MPFR_RNDN);
  return format.overflow == "saturate" ? std::copysign(SoftFloat(format).largest(), mpfr_signbit(result.get()) ? -1.0 : 1.0) : NAN;
}

}  // namespace

TEST_CASE("fp8: every pair of values, every operation") {
  std::size_t compared = 0;
  for (const char* name : {"e4m3", "e5m2", "e4m3-saturating", "e5m2-saturating"}) {
    const CertificateFormat format = *known_format(name);
    const SoftFloat f(format);
    const std::vector<double> values = values_of(format);
    for (const double x : values)
      for (const double y : values) {
        compared += 3;
        if (!(f.add(x, y) == exactly(format, x, y, mpfr_add)) && !std::isnan(exactly(format, x, y, mpfr_add))) FAIL(name << ": " << x << " + " << y << " = " << f.add(x, y));
        if (std::isnan(f.add(x, y)) != std::isnan(exactly(format, x, y, mpfr_add))) FAIL(name << ": " << x << " + " << y);
        if (!(f.multiply(x, y) == exactly(format, x, y, mpfr_mul)) && !std::isnan(exactly(format, x, y, mpfr_mul))) FAIL(name << ": " << x << " * " << y);
        if (std::isnan(f.multiply(x, y)) != std::isnan(exactly(format, x, y, mpfr_mul))) FAIL(name << ": " << x << " * " << y);
        // 2300 bits hold no quotient exactly, but all that decides how one of 4-bit numbers is rounded.
        if (y == 0 ? !std::isnan(f.divide(x, y)) : f.divide(x, y) != exactly(format, x, y, mpfr_div) && !std::isnan(exactly(format, x, y, mpfr_div))) FAIL(name << ": " << x << " / " << y);
      }
  }
  REQUIRE(compared > 500'000);
}

TEST_CASE("fp64 and fp32 as the processor has them, signs of zeros too") {
  SplitMix64 random(1);
  const SoftFloat wide = soft("fp64"), single = soft("fp32");
  for (int i = 0; i < 200'000; ++i) {
    const double x = draw(random, wide, 1060), y = random.below(50) == 0 ? -x : draw(random, wide, 1060);
    CAPTURE(x, y);
    if (!same(wide.add(x, y), finite_or_nan(x + y)) || !same(wide.multiply(x, y), finite_or_nan(x * y)) || (y != 0 && !same(wide.divide(x, y), finite_or_nan(x / y)))) FAIL("fp64");
    const auto u = static_cast<float>(draw(random, single, 148)), v = static_cast<float>(draw(random, single, 148));
    CAPTURE(u, v);
    const auto as_double = [](float result) { return finite_or_nan(static_cast<double>(result)); };
    const double a = static_cast<double>(u), b = static_cast<double>(v);
    if (!same(single.add(a, b), as_double(u + v)) || !same(single.multiply(a, b), as_double(u * v)) || (v != 0 && !same(single.divide(a, b), as_double(u / v)))) FAIL("fp32");
    if (!same(single.round(x), as_double(static_cast<float>(x)))) FAIL("rounding to fp32");
  }
}

TEST_CASE("other formats against MPFR's exact results") {
  SplitMix64 random(2);
  for (const char* name : {"fp16", "bf16", "tf32"}) {
    const CertificateFormat format = *known_format(name);
    const SoftFloat f(format);
    for (int i = 0; i < 20'000; ++i) {
      const double x = draw(random, f, 130), y = draw(random, f, 130);
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      CAPTURE(name, x, y);
      const double sum = exactly(format, x, y, mpfr_add), product = exactly(format, x, y, mpfr_mul);
      if ((f.add(x, y) != sum && !std::isnan(sum)) || std::isnan(f.add(x, y)) != std::isnan(sum)) FAIL("sum");
      if ((f.multiply(x, y) != product && !std::isnan(product)) || std::isnan(f.multiply(x, y)) != std::isnan(product)) FAIL("product");
    }
  }
}

TEST_CASE("functions as lib/number rounds them") {
  SplitMix64 random(3);
  for (const char* name : {"fp64", "fp32", "bf16"}) {
    const SoftFloat f = soft(name);
    const FunctionRounder other(find_format(name).value());
    for (int i = 0; i < (std::strcmp(name, "fp64") == 0 ? 500 : 5000); ++i) {
      const double x = draw(random, f, 40);
      CAPTURE(name, x);
      if (!same(f.exp(x), finite_or_nan(other.exp(x)))) FAIL("exp");
      if (f.tanh(x) != other.tanh(x) || f.erf(x) != other.erf(x)) FAIL("tanh, erf");
      if (x > 0 && !same(f.inverse_sqrt(x), other.inverse_sqrt(x))) FAIL("1 / sqrt");
      if (x > 0 && !same(f.sqrt(x), round_sqrt(find_format(name).value(), x))) FAIL("sqrt");
    }
    for (std::int64_t h = 1; h <= 24; ++h) CHECK(f.power_of_two(-h, 16) == round_power_of_two(find_format(name).value(), -h, 16));
  }
  CHECK(soft("fp64").root_of_two_over_pi() == 0x1.9884533d43651p-1);  // 0.797884560802865355879892119868...
  CHECK(soft("fp32").exp(-2000) == 0);
  CHECK(std::isnan(soft("fp32").exp(2000)));
}

TEST_CASE("a term added again and again: in leaps as one by one") {
  SplitMix64 random(4);
  std::size_t settled = 0, leapt = 0;
  for (const char* name : {"e4m3", "e5m2", "bf16", "fp16", "e4m3-saturating"})
    for (int i = 0; i < 3000; ++i) {
      const SoftFloat f = soft(name);
      const double s = random.below(4) == 0 ? 0 : draw(random, f, 12), c = draw(random, f, 12);
      if (!std::isfinite(s) || !std::isfinite(c)) continue;
      const auto steps = static_cast<std::int64_t>(random.below(600));
      double slow = s;
      for (std::int64_t k = 0; k < steps; ++k) slow = f.add(slow, c);
      CAPTURE(name, s, c, steps);
      if (!same(f.add_again(s, c, steps), slow)) FAIL("add_again gives " << f.add_again(s, c, steps) << ", one by one " << slow);
      leapt += steps > 100;
      std::int64_t changes = 0;
      slow = s;
      for (double next = f.add(slow, c); !same(next, slow) && !std::isnan(next); next = f.add(slow, c)) slow = next, ++changes;
      if (f.steps_to_settle(s, c) != changes) FAIL("settles after " << f.steps_to_settle(s, c) << ", one by one after " << changes);
      settled += changes > 0;
    }
  CHECK(leapt > 5000);
  CHECK(settled > 6000);
  CHECK(soft("fp32").steps_to_settle(0, 1) == 16'777'216);
  CHECK(soft("fp32").add_again(0, 0.1f, 10'000'000) == 1087937.0);  // one by one in C: 1087937
}
