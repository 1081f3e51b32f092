#include "lib/world/ball_slopes.hpp"

#include "lib/number/ball_matrix.hpp"
#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

// s (1 + x w' (1 - s)) for s = 1/(1 + e^-w): the derivative of x s(w(x)).
void logistic_slope(arb_ptr result, arb_srcptr x, arb_srcptr w, arb_srcptr inner, long bits) {
  Ball s, rest, t;
  arb_neg(t, w);
  arb_exp(t, t, bits);
  arb_add_ui(s, t, 1, bits);
  arb_inv(s, s, bits);
  arb_mul(rest, t, s, bits);  // 1 - s without cancellation
  arb_mul(rest, rest, x, bits);
  arb_mul(rest, rest, inner, bits);
  arb_add_ui(rest, rest, 1, bits);
  arb_mul(result, s, rest, bits);
}

}  // namespace

void apply_slope(Activation activation, arb_ptr result, arb_srcptr x, long bits) {
  switch (activation) {
    case Activation::identity:
      return arb_one(result);
    case Activation::relu:
      if (arb_is_positive(x)) return arb_one(result);
      if (arb_is_negative(x)) return arb_zero(result);
      arb_set_ui(result, 1);  // 1/2 +- 1/2
      arb_mul_2exp_si(result, result, -1);
      mag_set_ui_2exp_si(arb_radref(result), 1, -1);
      return;
    case Activation::silu: {
      Ball one;
      arb_one(one);
      return logistic_slope(result, x, x, one, bits);
    }
    case Activation::gelu_exact: {  // erfc(-x / sqrt 2) / 2 + x e^(-x^2 / 2) / sqrt(2 pi)
      Ball tail, density, t;
      arb_sqrt_ui(t, 2, bits);
      arb_div(t, x, t, bits);
      arb_neg(t, t);
      arb_hypgeom_erfc(tail, t, bits);
      arb_mul_2exp_si(tail, tail, -1);
      arb_sqr(t, x, bits);
      arb_mul_2exp_si(t, t, -1);
      arb_neg(t, t);
      arb_exp(t, t, bits);
      arb_const_pi(density, bits);
      arb_mul_2exp_si(density, density, 1);
      arb_rsqrt(density, density, bits);
      arb_mul(density, density, t, bits);
      arb_mul(density, density, x, bits);
      arb_add(result, tail, density, bits);
      return;
    }
    case Activation::gelu_tanh: {  // w' = 2 sqrt(2/pi) (1 + 3 0.044715 x^2)
      Ball w, inner, root;
      gelu_tanh_argument(w, x, bits);
      arb_sqr(inner, x, bits);
      arb_mul_ui(inner, inner, 3 * 44715, bits);
      arb_div_ui(inner, inner, 1000000, bits);
      arb_add_ui(inner, inner, 1, bits);
      arb_const_pi(root, bits);
      arb_ui_div(root, 8, root, bits);
      arb_sqrt(root, root, bits);
      arb_mul(inner, inner, root, bits);
      return logistic_slope(result, x, w, inner, bits);
    }
  }
}

void apply_softcap_slope(arb_ptr result, arb_srcptr s, double c, long bits) {
  Ball t;
  arb_set_d(t, c);
  arb_div(t, s, t, bits);
  arb_sech(result, t, bits);
  arb_sqr(result, result, bits);
}

}  // namespace snellen
