// Weights under rotary positions as sums of modes, against the exponential at many positions.
#include "lib/world/rotary_modes.hpp"

#include <cmath>

#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 64;

RotaryScore score_of(double constant, const std::vector<std::pair<double, double>>& planes) {
  RotaryScore score;
  arb_set_d(score.constant, constant);
  for (const auto& [re, im] : planes) {
    ComplexBall b;
    arb_set_d(b.real(), re), arb_set_d(b.imag(), im);
    score.planes.push_back(std::move(b));
  }
  return score;
}

std::vector<ComplexBall> turns_of(const RotaryFrequencies& frequencies, std::int64_t n) {
  std::vector<ComplexBall> turns(frequencies.planes());
  for (std::size_t f = 0; f < turns.size(); ++f) frequencies.set_turn(turns[f], f, n, bits);
  return turns;
}

}  // namespace

TEST_CASE("Modes: weights are the sums of the modes listed, up to what is not") {
  const RotaryFrequencies frequencies({10000, 8});
  const RotaryScore chosen = score_of(0, {{0.4, 0.3}, {-0.2, 0.5}, {0.1, -0.6}, {0.3, 0.2}}), other = score_of(0.25, {{0.6, -0.3}, {0.2, 0.1}, {0.5, 0.4}, {-0.7, 0.1}});
  for (const std::size_t most : {40U, 400U}) {
    const RotaryModes modes(chosen, frequencies, most, bits);
    REQUIRE(modes.count() <= most);
    REQUIRE(modes.count() > most / 4);
    for (const std::int16_t number : modes.numbers(0)) CHECK(number == 0);
    CHECK(modes.resonant(0));
    double largest = 0;
    for (const RotaryScore* score : {&chosen, &other}) {
      const RotaryModes::Expansion weight = modes.expand(*score);
      const double unlisted = upper_double(weight.unlisted);
      CHECK(unlisted < (most == 40 ? 4.0 : 0.1));
      for (std::int64_t n = 0; n < 3000; n += 7) {
        const std::vector<ComplexBall> turns = turns_of(frequencies, n);
        RotaryModes::Powers powers;
        modes.set_powers(powers, turns);
        Ball exact;
        arb_set(exact, score->constant);
        for (std::size_t f = 0; f < turns.size(); ++f) add_real_product(exact, score->planes[f], turns[f], bits);
        arb_exp(exact, exact, bits);
        double sum = 0;
        for (std::size_t i = 0; i < modes.count(); ++i) {
          const double re = arf_get_d(arb_midref(weight.coefficients[i].real()), ARF_RND_NEAR), im = arf_get_d(arb_midref(weight.coefficients[i].imag()), ARF_RND_NEAR);
          sum += (i == 0 ? 1 : 2) * (re * powers.real[i] - im * powers.imag[i]);
        }
        const double apart = std::fabs(sum - arf_get_d(arb_midref(static_cast<arb_ptr>(exact)), ARF_RND_NEAR));
        CHECK(apart <= unlisted + 0x1p-36);
        largest = std::max(largest, apart / unlisted);
        CHECK(arb_le(exact, weight.total));
      }
    }
    CHECK(largest > 0.1);  // the bound of what is not listed is not far off
  }
}

TEST_CASE("Modes: powers in doubles are within their error of the turns' powers") {
  const RotaryFrequencies frequencies({10000, 8});
  const RotaryModes modes(score_of(0, {{2, 1}, {3, 0}, {1, 1}, {0, 2}}), frequencies, 500, bits);
  for (const std::int64_t n : {1L, 12345L, 987654321L}) {
    const std::vector<ComplexBall> turns = turns_of(frequencies, n);
    RotaryModes::Powers powers;
    modes.set_powers(powers, turns);
    for (std::size_t i = 0; i < modes.count(); ++i) {
      Ball angle, frequency;
      for (std::size_t f = 0; f < turns.size(); ++f) {
        frequencies.set_frequency(frequency, f, 160);
        arb_addmul_si(angle, frequency, modes.numbers(i)[f] * n, 160);
      }
      ComplexBall exact;
      set_unit(exact, angle, 100);
      CHECK(std::hypot(powers.real[i] - arf_get_d(arb_midref(exact.real()), ARF_RND_NEAR), powers.imag[i] - arf_get_d(arb_midref(exact.imag()), ARF_RND_NEAR)) < RotaryModes::power_error);
    }
  }
}
