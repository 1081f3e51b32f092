// The mass of a run by modes against its terms added up, and the ranks of the frequencies.
#include "lib/world/rotary_mass.hpp"

#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 128;
constexpr std::size_t all = 1'000'000;

// Planes with amplitudes of this size, one smaller than the other, at different angles.
RotaryScore score(std::size_t planes, double size) {
  RotaryScore result;
  arb_set_d(result.constant, 0.375);
  for (std::size_t f = 0; f < planes; ++f) {
    ComplexBall b;
    arb_set_d(b.real(), size / static_cast<double>(f + 1)), arb_set_d(b.imag(), size * (f % 2 == 0 ? 0.5 : -0.75));
    result.planes.push_back(std::move(b));
  }
  return result;
}

}  // namespace

TEST_CASE("rotary frequencies: ranks, multiples and resonances") {
  const auto rank = [](double base, std::size_t dimensions) { return RotaryFrequencies({base, dimensions}).classes(); };
  REQUIRE(rank(10000, 8) == 1);
  REQUIRE(rank(10000, 16) == 2);
  REQUIRE(rank(10000, 32) == 4);
  REQUIRE(rank(10000, 64) == 8);
  REQUIRE(rank(10000, 128) == 16);
  REQUIRE(rank(500000, 8) == 4);
  REQUIRE(rank(1e6, 8) == 2);
  REQUIRE(rank(2.25, 4) == 1);  // (3/2)^2: 1 and 2/3
  const RotaryFrequencies decades({10000, 8}), thirds({2.25, 4});
  Ball a, b;
  for (std::size_t f = 0; f < 4; ++f) {
    decades.set_frequency(a, f, bits);
    decades.set_unit(b, 0, bits);
    arb_mul_si(b, b, decades.multiple(f), bits);
    REQUIRE((arb_overlaps(a, b) && arb_rel_accuracy_bits(a) > 100 && arb_rel_accuracy_bits(b) > 100));
  }
  REQUIRE((decades.multiple(0) == 1000 && decades.multiple(3) == 1));
  REQUIRE((thirds.multiple(0) == 3 && thirds.multiple(1) == 2));
  const std::int16_t resonant[] = {0, 0, 1, -10}, near[] = {0, 0, 1, -9}, two[] = {2, -3};
  REQUIRE(decades.resonant(resonant));
  REQUIRE(!decades.resonant(near));
  REQUIRE(thirds.resonant(two));
}

TEST_CASE("the mass by modes is the sum of its terms, and its mean holds from any length on") {
  MassSettings by_modes, by_terms;
  by_modes.direct = 0, by_modes.most_modes = 4000, by_modes.exact_modes = 4000;
  by_terms.direct = 6000, by_terms.most_modes = 10;
  std::size_t compared = 0;
  for (const Rotary& rotary : {Rotary{10000, 4}, Rotary{10000, 8}, Rotary{500000, 4}, Rotary{2.25, 4}})
    for (const std::int64_t first : {0, 3}) {
      const RotaryFrequencies frequencies(rotary);
      const double size = frequencies.planes() == 2 ? 1.5 : 0.25;
      const RotaryMass modes(score(frequencies.planes(), size), frequencies, first, bits, by_modes), terms(score(frequencies.planes(), size), frequencies, first, bits, by_terms);
      for (const std::int64_t n : {300, 1000, 2345, 5999}) {
        Ball a, b, few, count;
        modes.sum(a, n, all), modes.sum(few, n, 3), terms.sum(b, n, all);
        REQUIRE((arb_is_finite(a) && arb_rel_accuracy_bits(a) >= 12 && arb_rel_accuracy_bits(b) > 100));
        REQUIRE(arb_overlaps(a, b));
        REQUIRE(arb_overlaps(few, b));
        arb_div_si(b, b, n, bits);
        for (const std::int64_t from : {std::int64_t(1), std::int64_t(250), n}) {
          modes.mean(count, from);
          REQUIRE(arb_contains(count, b));
          ++compared;
        }
      }
    }
  REQUIRE(compared == 4 * 2 * 4 * 3);
}

TEST_CASE("a mode that resonates belongs to the mean: heavy second harmonics") {
  // theta_1 = theta_0 / 10^2 with dimensions 4; theta_2 = theta_1 / 10 with dimensions 8: (0, 0, 1, -10) resonates, and so does 2.25's (2, -3), heavy at this size.
  MassSettings settings;
  settings.direct = 0, settings.most_modes = 3000;
  const RotaryFrequencies frequencies({2.25, 4});
  const RotaryMass mass(score(2, 3), frequencies, 0, bits, settings);
  REQUIRE(mass.resonances() >= 3);
  MassSettings direct;
  direct.direct = 20'000, direct.most_modes = 10;
  const RotaryMass terms(score(2, 3), frequencies, 0, bits, direct);
  Ball sum, mean;
  terms.sum(sum, 20'000, all);
  arb_div_si(sum, sum, 20'000, bits);
  mass.mean(mean, 20'000);
  REQUIRE((arb_contains(mean, sum) && arb_rel_accuracy_bits(mean) >= 2));
}
