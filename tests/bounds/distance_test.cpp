#include "bounds/distance.hpp"

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <cstdint>

#include "tests/bounds/vectors.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;
using Rational = boost::multiprecision::cpp_rational;

namespace {

Rational rational(const Dyadic& x) {
  mpq_t q;
  mpq_init(q);
  mpfr_get_q(q, x.get());
  char* text = mpq_get_str(nullptr, 10, q);
  const Rational result{std::string(text)};
  void (*release)(void*, std::size_t);
  mp_get_memory_functions(nullptr, nullptr, &release);
  release(text, std::char_traits<char>::length(text) + 1);
  mpq_clear(q);
  return result;
}

std::uint64_t next(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// A double of either sign, over sixty binades.
double corner(std::uint64_t& state) {
  const auto bits = next(state);
  return std::ldexp(static_cast<double>(static_cast<std::int64_t>(bits) >> 12), -52 + static_cast<int>(bits % 60) - 30);
}

}  // namespace

TEST_CASE("distances of random boxes enclose the exact extremes") {
  std::uint64_t state = 1;
  std::size_t tested = 0;
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<std::pair<double, double>> a, b;
    Rational low1, high1, low2, high2, low_inf, high_inf;
    for (int i = 0; i < 5; ++i) {
      double p = corner(state), q = trial % 3 == 0 ? p : corner(state), r = trial % 5 == 0 ? p : corner(state), s = trial % 3 == 0 ? r : corner(state);
      if (q < p) std::swap(p, q);
      if (s < r) std::swap(r, s);
      a.emplace_back(p, q), b.emplace_back(r, s);
      const Rational gap = std::max<Rational>({Rational(r) - Rational(q), Rational(p) - Rational(s), Rational(0)});
      const Rational reach = std::max<Rational>(Rational(s) - Rational(p), Rational(q) - Rational(r));
      low1 += gap, high1 += reach, low2 += gap * gap, high2 += reach * reach;
      low_inf = std::max(low_inf, gap), high_inf = std::max(high_inf, reach);
    }
    const Enclosure l1 = distance(Metric::l1, certified(a), certified(b), 96), l2 = distance(Metric::l2, certified(a), certified(b), 96),
                    linf = distance(Metric::linf, certified(a), certified(b), 96);
    // Sound: every attainable distance lies inside.
    REQUIRE(rational(l1.lower) <= low1);
    REQUIRE(rational(l1.upper) >= high1);
    REQUIRE(rational(l2.lower) * rational(l2.lower) <= low2);
    REQUIRE(rational(l2.upper) * rational(l2.upper) >= high2);
    REQUIRE(rational(linf.lower) <= low_inf);
    REQUIRE(rational(linf.upper) >= high_inf);
    // And tight: 96 bits and a few roundings.
    const Rational slack = Rational(1) + Rational(1, Rational(boost::multiprecision::cpp_int(1) << 85));
    REQUIRE(rational(l1.lower) * slack >= low1);
    REQUIRE(rational(l1.upper) <= high1 * slack);
    REQUIRE(rational(l2.lower) * rational(l2.lower) * slack >= low2);
    REQUIRE(rational(l2.upper) * rational(l2.upper) <= high2 * slack);
    REQUIRE(rational(linf.lower) * slack >= low_inf);
    REQUIRE(rational(linf.upper) <= high_inf * slack);
    ++tested;
  }
  REQUIRE(tested == 400);
}

TEST_CASE("points of engine runs have exact distances") {
  const std::vector<double> a{1, -2, 0.5}, b{1, 2, 0.25};
  const Enclosure l1 = distance(Metric::l1, a, b, 64), linf = distance(Metric::linf, a, b, 64), l2 = distance(Metric::l2, a, a, 64);
  REQUIRE((l1.lower == Dyadic::of(4.25) && l1.upper == Dyadic::of(4.25)));
  REQUIRE((linf.lower == Dyadic::of(4.0) && linf.upper == Dyadic::of(4.0)));
  REQUIRE((l2.lower == Dyadic::of(0.0) && l2.upper == Dyadic::of(0.0)));
  const Enclosure error = distance(Metric::l1, a, certified({{1, 1}, {-2, -1}, {0, 0.5}}), 64);
  REQUIRE((error.lower == Dyadic::of(0.0) && error.upper == Dyadic::of(1.5)));
}

TEST_CASE("what is not finite says nothing") {
  const Enclosure nothing = distance(Metric::l2, certified({{-INFINITY, INFINITY}, {1, 1}}), point({0, 1}), 64);
  REQUIRE(nothing.lower == Dyadic::of(0.0));
  REQUIRE(!nothing.upper.is_finite());
  const Enclosure nan = distance(Metric::l1, std::vector<double>{NAN}, point({0}), 64);
  REQUIRE(nan.lower == Dyadic::of(0.0));
  REQUIRE(!nan.upper.is_finite());
  REQUIRE_THROWS_AS(distance(Metric::l1, point({1, 2}), point({1}), 64), std::logic_error);
}
