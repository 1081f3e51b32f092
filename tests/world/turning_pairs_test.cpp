// Turning modes against one another and against a run, with plain sums in long doubles and balls.
#include "lib/world/turning_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "lib/number/splitmix64.hpp"
#include "lib/world/run_sums.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 128;

struct Modes {
  RotaryFrequencies frequencies;
  RotaryModes modes;
  explicit Modes(double base, std::size_t dimensions, std::size_t most) : frequencies({base, dimensions}), modes(score(dimensions / 2), frequencies, most, bits) {}
  static RotaryScore score(std::size_t planes) {
    RotaryScore result;
    for (std::size_t f = 0; f < planes; ++f) {
      result.planes.emplace_back();
      arb_set_d(result.planes.back().real(), 0.5 + 0.1 * static_cast<double>(f));
    }
    return result;
  }
  // tau_m, to 60 bits.
  long double tau(std::size_t m) const {
    Ball sum, t;
    for (std::size_t f = 0; f < modes.planes(); ++f) {
      frequencies.set_frequency(t, f, 256);
      arb_mul_si(t, t, modes.numbers(m)[f], 256);
      arb_add(sum, sum, t, 256);
    }
    const double high = arf_get_d(arb_midref(static_cast<arb_ptr>(sum)), ARF_RND_NEAR);
    arb_set_d(t, high);
    arb_sub(sum, sum, t, 256);
    return static_cast<long double>(high) + static_cast<long double>(arf_get_d(arb_midref(static_cast<arb_ptr>(sum)), ARF_RND_NEAR));
  }
};

using Complex = std::complex<long double>;
Complex turn(long double angle) { return {std::cos(angle), std::sin(angle)}; }

}  // namespace

TEST_CASE("modes against modes") {
  const Modes m(10000, 8, 60);
  const std::int64_t first = 1000;
  const TurningPairs pairs(m.modes, m.frequencies, first, bits);
  const std::size_t count = m.modes.count();
  REQUIRE(pairs.count() == count);
  REQUIRE(pairs.all() == 2 * count - 1);
  const auto tau = [&](std::size_t i) { return i < count ? m.tau(i) : -m.tau(pairs.opposite(i)); };
  TurningPairs::Row row;
  for (std::size_t p = 0; p < count; p += 7) {
    pairs.set_row(row, p);
    for (std::size_t i = 0; i < pairs.all(); ++i) {
      INFO("modes " << p << " and " << i);
      if (i == p) {
        REQUIRE(std::find(row.close.begin(), row.close.end(), i) != row.close.end());
        REQUIRE(row.sizes[i] == 0);
        continue;
      }
      const long double sigma = tau(i) - tau(p);
      const Complex g = Complex(1) / (Complex(1) - turn(sigma));
      const double size = static_cast<double>(std::abs(g));
      REQUIRE(row.sizes[i] >= size);
      REQUIRE(row.sizes[i] <= size * (1 + 1e-6));
      const Complex known = g * turn(sigma * first) - Complex(row.real[i], row.imag[i]);
      REQUIRE(static_cast<double>(std::abs(known)) <= 0x1p-32 * size * size);
      // The sum of e^(i sigma e) M/e and its three parts, at one length.
      Complex sum = 0;
      const std::int64_t last = 3 * first;
      for (std::int64_t e = first; e <= last; ++e) sum += turn(sigma * e) * static_cast<long double>(first) / static_cast<long double>(e);
      const double left = static_cast<double>(std::abs(sum - g * turn(sigma * first)));
      REQUIRE(left <= size / 3 + size * std::min(1.0, 2 * size / first) + 1e-12);
      REQUIRE(static_cast<double>(std::abs(sum)) <= 2 * size + 1e-12);
    }
  }
  for (std::size_t i = 0; i < pairs.all(); ++i) {
    const double step = static_cast<double>(std::abs(turn(tau(i)) - Complex(1)));
    REQUIRE(pairs.step(i) >= step);
    REQUIRE(pairs.step(i) <= step + 1e-8);
  }
}

TEST_CASE("modes that turn alike are not told apart") {
  const Modes m(1e15, 4, 40);  // the second plane turns by 2^-24.9 a token
  const TurningPairs pairs(m.modes, m.frequencies, 1000, bits);
  TurningPairs::Row row;
  std::size_t close = 0;
  for (std::size_t p = 0; p < pairs.count(); ++p) {
    pairs.set_row(row, p);
    for (const std::size_t i : row.close) REQUIRE(row.sizes[i] == 0);
    close += row.close.size() - 1;
  }
  CHECK(close > 10);
}

TEST_CASE("sums over a run against turning modes") {
  const Modes m(10000, 8, 50);
  constexpr std::size_t columns = 3, tokens = 300;
  SplitMix64 random(7);
  std::vector<double> x(columns * tokens);
  for (double& entry : x) entry = static_cast<double>(random.next() >> 11) * 0x1p-52 - 1;
  const std::int64_t begin = 17;
  const RunSums sums = run_sums(m.modes, m.frequencies, x, columns, begin, bits);
  double size = 0;
  for (std::size_t e = 0; e < tokens; ++e) size += std::sqrt(x[e * 3] * x[e * 3] + x[e * 3 + 1] * x[e * 3 + 1] + x[e * 3 + 2] * x[e * 3 + 2]);
  for (std::size_t i = 0; i < m.modes.count(); ++i) {
    const long double tau = m.tau(i);
    double off = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      Complex sum = 0;
      for (std::size_t e = 0; e < tokens; ++e) sum += turn(-tau * static_cast<long double>(begin + static_cast<std::int64_t>(e))) * static_cast<long double>(x[e * columns + c]);
      off += static_cast<double>(std::norm(sum - Complex(sums.real[i * columns + c], sums.imag[i * columns + c])));
    }
    REQUIRE(std::sqrt(off) <= run_sums_error * size);
  }
}
