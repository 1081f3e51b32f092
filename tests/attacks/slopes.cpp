// Activations' derivatives (lib/world/activation_slopes): steeper, more curved, or outside the enclosure anywhere?
#include <cmath>

#include "lib/world/activation_slopes.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr Activation smooth[] = {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::identity};

// f'(x), by the derivative's own formula in balls.
void derivative(Ball& result, Activation activation, arb_srcptr x) {
  if (activation == Activation::identity) return arb_one(result);
  Ball s, t;
  if (activation == Activation::gelu_exact) {  // Phi(x) + x phi(x)
    Ball root;
    arb_set_ui(root, 2), arb_sqrt(root, root, bits);
    arb_div(s, x, root, bits), arb_neg(s, s);
    arb_hypgeom_erfc(s, s, bits);
    arb_mul_2exp_si(s, s, -1);
    arb_mul(t, x, x, bits), arb_mul_2exp_si(t, t, -1), arb_neg(t, t);
    arb_exp(t, t, bits), arb_mul(t, t, x, bits);
    arb_const_pi(root, bits), arb_mul_2exp_si(root, root, 1), arb_rsqrt(root, root, bits);
    arb_addmul(s, t, root, bits);
    arb_set(result, s);
    return;
  }
  // x / (1 + e^-u): s + x u' s (1 - s).
  Ball u, slope;
  if (activation == Activation::silu) {
    arb_set(u, x), arb_one(slope);
  } else {  // u = 2 sqrt(2/pi) (x + c x^3), u' = 2 sqrt(2/pi) (1 + 3 c x^2)
    gelu_tanh_argument(u, x, bits);
    arb_mul(slope, x, x, bits), arb_mul_ui(slope, slope, 3 * 44715, bits), arb_div_ui(slope, slope, 1000000, bits), arb_add_ui(slope, slope, 1, bits);
    arb_const_pi(t, bits), arb_inv(t, t, bits), arb_mul_2exp_si(t, t, 1), arb_sqrt(t, t, bits), arb_mul_2exp_si(t, t, 1);
    arb_mul(slope, slope, t, bits);
  }
  arb_neg(s, u), arb_exp(s, s, bits), arb_add_ui(s, s, 1, bits), arb_inv(s, s, bits);
  arb_sub_ui(t, s, 1, bits), arb_neg(t, t), arb_mul(t, t, s, bits), arb_mul(t, t, slope, bits), arb_mul(t, t, x, bits);
  arb_add(result, s, t, bits);
}

Attempt steepest(Point point) {
  Reader read(point);
  const Activation activation = smooth[read.below(3)];
  Ball x, slope, bound;
  arb_set_d(x, 12 * read.number());
  derivative(slope, activation, x);
  arb_abs(slope, slope);
  arb_set_d(bound, activation_bounds(activation).lipschitz);
  return compare(slope, bound);
}

Attempt most_curved(Point point) {
  Reader read(point);
  const Activation activation = smooth[read.below(3)];
  const double at = 12 * read.number(), apart = std::ldexp(1 + std::fabs(read.number()), -static_cast<int>(read.below(60)));
  Ball x, y, slope, other, bound, distance;
  arb_set_d(x, at);
  arb_set_d(distance, apart), arb_add(y, x, distance, bits);
  derivative(slope, activation, x), derivative(other, activation, y);
  arb_sub(slope, slope, other, bits), arb_abs(slope, slope);
  arb_set_d(bound, activation_bounds(activation).curvature), arb_mul(bound, bound, distance, bits);
  return compare(slope, bound);
}

Attempt enclosed(Point point) {
  Reader read(point);
  const Activation activation = smooth[read.below(4)];
  const double sign = read.number(), at = std::copysign(std::ldexp(1 + std::fabs(read.number()), static_cast<int>(read.below(70)) - 64), sign);
  Ball x, y, slope, off, error;
  arb_set_d(x, at);
  apply(activation, y, x, bits);
  // The value may be off by its error, in either direction.
  const double middle = arf_get_d(arb_midref(static_cast<arb_srcptr>(y)), ARF_RND_NEAR), value_error = std::ldexp(std::fabs(middle), -50) + 0x1p-1060,
               value = middle + read.number() * value_error * 0.49;
  const SlopeEnclosure enclosure = activation_slope(activation, at, value, value_error);
  if (!std::isfinite(enclosure.error)) return nothing_tested();
  derivative(slope, activation, x);
  arb_set_d(off, enclosure.value), arb_sub(off, slope, off, bits), arb_abs(off, off);
  arb_set_d(error, enclosure.error);
  return compare(off, error);
}

const Registered r1({"slope-lipschitz", "activation_bounds: |f'(x)| <= lipschitz", 2, steepest});
const Registered r2({"slope-curvature", "activation_bounds: |f'(x) - f'(y)| <= curvature |x - y|", 4, most_curved});
const Registered r3({"slope-enclosure", "activation_slope: |f'(x) - value| <= error", 5, enclosed});

}  // namespace
}  // namespace snellen::attacks
