// Activations of many balls against FLINT's functions, one by one.
#include "lib/world/ball_activation.hpp"

#include <vector>

#include "lib/world/ball_functions.hpp"
#include "tests/catch.hpp"
#include "tests/number/random_balls.hpp"

namespace snellen {

TEST_CASE("activations of many balls overlap FLINT's, contain the activations of random points, and are as tight") {
  SplitMix64 random(61);
  std::size_t compared = 0, points = 0;
  for (Activation activation : {Activation::silu, Activation::gelu_tanh, Activation::gelu_exact, Activation::relu, Activation::identity})
    for (Balls kind : all_balls)
      for (long bits : {53l, 200l, 420l}) {
        const BallMatrix x = random_balls(random, 40, 1, kind, bits);
        BallMatrix scaled = x, y(40, 1);
        std::vector<arb_ptr> results;
        std::vector<arb_srcptr> arguments;
        for (std::size_t i = 0; i < 40; ++i) {
          arb_mul_2exp_si(scaled(i, 0), x(i, 0), static_cast<slong>(random.below(9)) - 3);
          results.push_back(y(i, 0)), arguments.push_back(scaled(i, 0));
        }
        activate(activation, results, arguments, bits);
        for (std::size_t i = 0; i < 40; ++i) {
          INFO("activation " << static_cast<int>(activation) << " balls " << static_cast<int>(kind) << " bits " << bits << " at " << i);
          arb_srcptr ball = scaled(i, 0);
          if (!arb_is_finite(ball)) continue;
          Ball oracle, finer, point, exact;
          apply(activation, oracle, ball, bits);
          apply(activation, finer, ball, 3 * bits);
          if (arb_is_finite(oracle)) {
            REQUIRE(arb_overlaps(y(i, 0), oracle));
            REQUIRE(arb_overlaps(y(i, 0), finer));
            ++compared;
            if (kind == Balls::last_bit || kind == Balls::exact_long) REQUIRE(arb_rel_accuracy_bits(y(i, 0)) >= arb_rel_accuracy_bits(oracle) - 2);
          }
          if (kind == Balls::huge || kind == Balls::beyond) continue;
          for (int p = 0; p < 4; ++p) {
            random_point(random, point, ball);
            apply(activation, exact, point, 4 * bits);
            REQUIRE(arb_overlaps(y(i, 0), exact));
            ++points;
          }
        }
      }
  CHECK(compared > 5000);
  CHECK(points > 20000);
}

TEST_CASE("silu of a ball contains its ends and its extremes, however wide") {
  SplitMix64 random(62);
  std::size_t points = 0;
  for (int round = 0; round < 300; ++round) {
    Ball x, y, point, exact;
    arb_set_d(x, std::ldexp(uniform(random), static_cast<int>(random.below(8))));
    set_radius(random, x, 6 - static_cast<slong>(random.below(30)));
    const std::vector<arb_ptr> results{y};
    const std::vector<arb_srcptr> arguments{x};
    activate(Activation::silu, results, arguments, 128);
    REQUIRE(arb_is_finite(y));
    for (int p = 0; p < 20; ++p, ++points) {
      random_point(random, point, x);
      apply(Activation::silu, exact, point, 300);
      REQUIRE(arb_overlaps(y, exact));
    }
  }
  CHECK(points == 6000);
}

}  // namespace snellen
