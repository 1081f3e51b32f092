#include "lib/world/repeated_sum.hpp"

#include <bit>
#include <limits>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

std::vector<Format> formats() {
  std::vector<Format> all;
  for (const Format& f : shipped_formats())
    if (f.overflow != Overflow::saturate) all.push_back(f);
  for (const char* own : {"p2:-3:3", "p3:-2:2", "p4:-4:5", "p8:-20:20", "p11:-3:9", "p25:-40:40"}) all.push_back(find_format(own).value());
  return all;
}

std::uint64_t bits(double x) { return std::isnan(x) ? 1 : std::bit_cast<std::uint64_t>(x); }

// A value of the format: any sign, exponents near `exponent`, significands biased to few bits, to all ones and to neighbours of powers of two.
double value_of(const FormatArithmetic& f, SplitMix64& random, long exponent) {
  const int p = f.format().precision;
  double significand = 0;
  switch (random.below(4)) {
    case 0: significand = static_cast<double>(random.next() >> (64 - p)); break;
    case 1: significand = std::ldexp(1, p - 1) + static_cast<double>(random.below(3)) - 1; break;
    case 2: significand = std::ldexp(1, p) - 1 - static_cast<double>(random.below(2)); break;
    default: significand = static_cast<double>(random.below(8));
  }
  const double x = f(std::ldexp(significand, static_cast<int>(exponent) - p + 1));
  return x == 0 ? 0 : random.below(2) == 0 ? x : -x;
}

}  // namespace

TEST_CASE("jumps give the bits of single steps") {
  SplitMix64 random(7);
  std::size_t tested = 0, jumped = 0, settled = 0, crossed = 0, overflowed = 0;
  for (const Format& format : formats()) {
    INFO(format.name);
    const FormatArithmetic f(format);
    const RepeatedSum sum(f);
    for (int trial = 0; trial < 400; ++trial) {
      const long range = format.emax - format.emin + format.precision;
      // Random exponents, the smallest, the largest.
      const long middle = trial % 4 == 0 ? format.emin : trial % 4 == 1 ? format.emax : format.emin + static_cast<long>(random.below(static_cast<std::uint64_t>(range)));
      const long near = std::min(format.emax, middle), apart = static_cast<long>(random.below(static_cast<std::uint64_t>(std::min(format.precision, 12) + 3)));
      const double start = value_of(f, random, near), c = value_of(f, random, std::max(format.emin - format.precision + 1, near - apart));
      if (!std::isfinite(start) || !std::isfinite(c)) continue;
      INFO(start << " + " << c);
      const RepeatedSum::Settled end = sum.settle(start, c);
      std::vector<double> states{start};
      for (int k = 0; k < 3000; ++k) states.push_back(f.add(states.back(), c));
      for (std::size_t k = 0; k < states.size(); k += 1 + random.below(40)) {
        REQUIRE(bits(sum.after(start, c, static_cast<std::int64_t>(k))) == bits(states[k]));
        ++tested;
      }
      REQUIRE(bits(f.add(end.value, c)) == bits(end.value));
      if (end.steps < 3000) {
        const auto k = static_cast<std::size_t>(end.steps);
        REQUIRE(bits(states[k]) == bits(end.value));
        if (k > 0) REQUIRE(bits(states[k - 1]) != bits(end.value));
        ++settled;
      } else {
        REQUIRE(bits(states[2999]) != bits(states[3000]));
      }
      jumped += end.steps > 100;
      crossed += start != 0 && std::signbit(start) != std::signbit(end.value);
      overflowed += !std::isfinite(end.value);
    }
  }
  CHECK(tested > 400'000);
  CHECK(jumped > 500);
  CHECK(settled > 1000);
  CHECK(crossed > 1000);
  CHECK(overflowed > 30);
}

TEST_CASE("every value and term of small formats") {
  std::size_t tested = 0;
  for (const char* name : {"e4m3", "e5m2", "p4:-2:3", "p3:-2:2"}) {
    const FormatArithmetic f(find_format(name).value());
    const RepeatedSum sum(f);
    const Format& format = f.format();
    std::vector<double> values;
    for (long e = format.emin; e <= format.emax; ++e)
      for (int m = e == format.emin ? 0 : 1 << (format.precision - 1); m < 1 << format.precision; ++m) {
        const double x = std::ldexp(m, static_cast<int>(e) - format.precision + 1);
        if (x > f.rounder().largest()) continue;
        values.push_back(x);
        if (x > 0) values.push_back(-x);
      }
    for (const double start : values)
      for (const double c : values) {
        double state = start;
        std::int64_t steps = 0;
        for (;; ++steps) {
          REQUIRE(bits(sum.after(start, c, steps)) == bits(state));
          const double next = f.add(state, c);
          if (bits(next) == bits(state) || (next == state)) break;
          state = next;
        }
        const RepeatedSum::Settled end = sum.settle(start, c);
        REQUIRE(end.steps == steps);
        REQUIRE(bits(end.value) == bits(state));
        ++tested;
      }
  }
  CHECK(tested > 60'000);
}

TEST_CASE("known ends") {
  const FormatArithmetic bf16(find_format("bf16").value()), fp32(find_format("fp32").value()), fp64(find_format("fp64").value());
  const auto one = [](const FormatArithmetic& f, double s, double c) { return RepeatedSum(f).settle(s, c); };
  CHECK(one(bf16, 0, 1).steps == 256);            // 256 + 1 is a tie to even
  CHECK(one(fp32, 0, 1).steps == 1 << 24);
  CHECK(one(fp64, 0, 1).steps == std::int64_t(1) << 53);
  CHECK(one(fp64, 0, 1).value == std::ldexp(1, 53));
  CHECK(one(bf16, 0, 1.5).value == 512);          // beyond 256 each step adds 2
  CHECK(one(bf16, 1, -1).value == -256);
  CHECK(one(fp32, 1, 0x1p-25).steps == 0);
  CHECK(one(fp32, 0x1p24, -0x1p-1).steps == 0);   // down from a power of two: half of the smaller unit, a tie to even
  CHECK(one(fp32, 0x1p24, -0x1p0).value == -0x1p24);
  CHECK(std::isinf(one(FormatArithmetic(find_format("p8:-3:4").value()), 0, 30).value));
  CHECK(std::isnan(one(FormatArithmetic(find_format("e4m3").value()), 0, 448).value));
  CHECK(one(fp32, INFINITY, 1).steps == 0);
}
