// Derivatives of the activations: enclosed on intervals that cover the line, and met by difference quotients.
#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr Activation smooth[] = {Activation::identity, Activation::silu, Activation::gelu_exact, Activation::gelu_tanh};

double value_of(Activation activation, double x) {
  Ball y;
  arb_set_d(y, x);
  apply(activation, y, y, 128);
  return arf_get_d(arb_midref(static_cast<arb_ptr>(y)), ARF_RND_NEAR);
}

// (f(x + h) - f(x - h)) / 2h, and the second difference, at 512 bits with h = 2^-100: derivatives up to 2^-90.
struct Differences { double first, second; };
Differences differences(Activation activation, double x) {
  constexpr long bits = 512;
  Ball h, left, middle, right, t;
  arb_set_d(h, 0x1p-100);
  arb_set_d(middle, x);
  arb_sub(left, middle, h, bits), arb_add(right, middle, h, bits);
  apply(activation, left, left, bits), apply(activation, middle, middle, bits), apply(activation, right, right, bits);
  arb_sub(t, right, left, bits);
  arb_mul_2exp_si(t, t, 99);
  const double first = arf_get_d(arb_midref(static_cast<arb_ptr>(t)), ARF_RND_NEAR);
  arb_add(t, left, right, bits);
  arb_submul_ui(t, middle, 2, bits);
  arb_mul_2exp_si(t, t, 200);
  return {first, arf_get_d(arb_midref(static_cast<arb_ptr>(t)), ARF_RND_NEAR)};
}

}  // namespace

TEST_CASE("slopes contain difference quotients; Lipschitz constants and curvatures are not exceeded") {
  std::size_t tested = 0;
  for (const Activation activation : smooth) {
    const ActivationBounds bounds = activation_bounds(activation);
    double steepest = 0, most_curved = 0;
    for (int i = -4000; i <= 4000; ++i) {
      const double x = i % 5 == 0 ? i * 0x1p-14 : i * 0x1p-7;
      const Differences d = differences(activation, x);
      const SlopeEnclosure slope = activation_slope(activation, x, value_of(activation, x), 0x1p-50 * std::fabs(x));
      INFO("activation " << static_cast<int>(activation) << " at " << x);
      REQUIRE(std::fabs(slope.value - d.first) <= slope.error + 0x1p-80);
      REQUIRE(slope.error <= 0x1p-30);
      steepest = std::max(steepest, std::fabs(d.first)), most_curved = std::max(most_curved, std::fabs(d.second));
      ++tested;
    }
    REQUIRE(steepest <= bounds.lipschitz);
    REQUIRE(most_curved <= bounds.curvature + 0x1p-80);
    REQUIRE(steepest >= 0.45 * bounds.lipschitz);
    REQUIRE(most_curved >= 0.3 * bounds.curvature);
  }
  REQUIRE(tested == 4 * 8001);
}

// The tanh GELU's bounds by intervals: s = 1/(1 + e^-w) on each of 4000 pieces of [0, 20]; f' (-x) = 1 - f'(x), f'' is even; beyond 20 all is below e^-500.
TEST_CASE("the tanh GELU's slope and curvature, enclosed") {
  constexpr long bits = 64;
  const ActivationBounds bounds = activation_bounds(Activation::gelu_tanh);
  Ball x, w, dw, ddw, s, ds, t, u, p, r, limit;
  arb_const_pi(p, bits), arb_ui_div(p, 8, p, bits), arb_sqrt(p, p, bits);  // 2 sqrt(2/pi)
  arb_set_ui(r, 44715), arb_div_ui(r, r, 1000000, bits), arb_mul(r, r, p, bits);
  for (int i = 0; i < 4000; ++i) {
    arb_set_d(x, (i + 0.5) / 200);
    mag_set_d(arb_radref(static_cast<arb_ptr>(x)), 1.0 / 399);
    arb_sqr(t, x, bits);
    arb_mul(dw, t, r, bits), arb_add(w, dw, p, bits), arb_mul(w, w, x, bits);  // w = p x + r x^3
    arb_mul_ui(dw, dw, 3, bits), arb_add(dw, dw, p, bits);
    arb_mul(ddw, x, r, bits), arb_mul_ui(ddw, ddw, 6, bits);
    arb_neg(s, w), arb_exp(s, s, bits), arb_add_ui(s, s, 1, bits), arb_inv(s, s, bits);
    arb_sub_ui(t, s, 1, bits), arb_neg(t, t), arb_mul(ds, s, t, bits);                          // s (1 - s)
    arb_mul(t, x, ds, bits), arb_mul(t, t, dw, bits), arb_add(t, t, s, bits);                   // f'
    arb_set_d(limit, bounds.lipschitz - 1);
    REQUIRE(arb_lt(t, limit));  // and f'(-x) = 1 - f'(x) > -(lipschitz - 2)
    // f'' = ds (2 w' + x (1 - 2 s) w'^2 + x w'')
    arb_mul_si(t, s, -2, bits), arb_add_ui(t, t, 1, bits), arb_mul(t, t, x, bits), arb_mul(t, t, dw, bits), arb_mul(t, t, dw, bits);
    arb_mul(u, x, ddw, bits), arb_add(t, t, u, bits), arb_addmul_ui(t, dw, 2, bits), arb_mul(t, t, ds, bits);
    arb_abs(t, t);
    arb_set_d(limit, bounds.curvature);
    REQUIRE(arb_lt(t, limit));
  }
}

TEST_CASE("ReLU's slope is a step") {
  REQUIRE(activation_slope(Activation::relu, 2, 2, 0).value == 1);
  REQUIRE(activation_slope(Activation::relu, -2, 0, 0).value == 0);
}
