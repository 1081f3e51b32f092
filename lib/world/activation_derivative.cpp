#include "lib/world/activation_derivative.hpp"

#include <stdexcept>

namespace snellen {

Ball activation_derivative(Activation activation, arb_srcptr x, long bits) {
  Ball t, u, one, result;
  arb_one(one);
  double everywhere = 1;
  // result = s (1 + u (1 - s)), s = 1/(1 + e^-t): the derivative of x / (1 + e^-t(x)) where u = x t'(x).
  const auto of_sigmoid = [&] {
    Ball s, rest;
    arb_neg(s, t);
    arb_exp(rest, t, bits);
    arb_exp(s, s, bits);
    arb_add(s, s, one, bits);
    arb_inv(s, s, bits);
    arb_add(rest, rest, one, bits);
    arb_inv(rest, rest, bits);  // 1 - s
    arb_mul(rest, rest, u, bits);
    arb_add(rest, rest, one, bits);
    arb_mul(result, rest, s, bits);
  };
  switch (activation) {
    case Activation::identity: return one;
    case Activation::relu:  // a slope in the sense of differences
      if (arb_is_negative(x)) return result;
      if (arb_is_positive(x)) return one;
      arb_union(result, result, one, bits);
      return result;
    case Activation::silu:
      everywhere = 1.375;
      arb_set(t, x), arb_set(u, x);
      of_sigmoid();
      break;
    case Activation::gelu_exact: {  // Phi(x) + x phi(x)
      everywhere = 1.25;
      arb_sqrt_ui(t, 2, bits);
      arb_div(t, x, t, bits);
      arb_sqr(u, t, bits);
      arb_neg(u, u);
      arb_exp(u, u, bits);
      arb_mul(u, u, x, bits);
      Ball root;
      arb_const_pi(root, bits);
      arb_mul_2exp_si(root, root, 1);
      arb_sqrt(root, root, bits);
      arb_div(u, u, root, bits);
      arb_neg(t, t);
      arb_hypgeom_erfc(t, t, bits);
      arb_mul_2exp_si(t, t, -1);
      arb_add(result, t, u, bits);
      break;
    }
    case Activation::gelu_tanh: {  // t = 2 sqrt(2/pi) (x + a x^3), u = x t' = 2 sqrt(2/pi) (x + 3 a x^3)
      everywhere = 2.125;
      Ball cube, root;
      arb_const_pi(root, bits);
      arb_ui_div(root, 8, root, bits);
      arb_sqrt(root, root, bits);
      arb_pow_ui(cube, x, 3, bits);
      arb_mul_ui(cube, cube, 44715, bits);
      arb_div_ui(cube, cube, 1000000, bits);
      arb_add(t, x, cube, bits);
      arb_mul(t, t, root, bits);
      arb_mul_ui(u, cube, 3, bits);
      arb_add(u, u, x, bits);
      arb_mul(u, u, root, bits);
      of_sigmoid();
      break;
    }
  }
  Ball bound;
  mag_set_d(arb_radref(static_cast<arb_ptr>(bound)), everywhere);
  if (!arb_is_finite(result)) return bound;
  if (!arb_intersection(result, result, bound, bits)) throw std::logic_error("activation_derivative: two enclosures are disjoint");
  return result;
}

}  // namespace snellen
