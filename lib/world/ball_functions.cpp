#include "lib/world/ball_functions.hpp"

#include <vector>

namespace snellen {
namespace {

// x / (1 + exp(-u)): SiLU for u = x.
void times_sigmoid(arb_ptr result, arb_srcptr x, arb_srcptr u, long bits) {
  Ball t;
  arb_neg(t, u);
  arb_exp(t, t, bits);
  arb_add_ui(t, t, 1, bits);
  arb_div(result, x, t, bits);
}

}  // namespace

void set_row(arb_ptr entries, slong stride, const Tensor& table, std::size_t row) {
  std::vector<double> values(table.columns());
  table.read_row(row, values);
  for (std::size_t i = 0; i < values.size(); ++i) arb_set_d(entries + static_cast<slong>(i) * stride, values[i]);
}

BallVector norm_factors(const Norm& n, std::size_t size, long bits) {
  BallVector factors(size);
  if (n.weight) set_row(factors[0], 1, *n.weight, 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (!n.weight) arb_one(factors[i]);
    else if (n.unit_offset) arb_add_ui(factors[i], factors[i], 1, bits);
  }
  return factors;
}

void set_root(arb_ptr result, const Root& root, long bits) {
  arb_set_d(result, root.radicand);
  root.inverse ? arb_rsqrt(result, result, bits) : arb_sqrt(result, result, bits);
}

void set_slope(arb_ptr result, const Slope& slope, long bits) {
  Ball exponent;
  arb_set_si(exponent, -slope.numerator);
  arb_div_si(exponent, exponent, slope.denominator, bits + 8);
  arb_set_ui(result, 2);
  arb_pow(result, result, exponent, bits);
}

void set_alibi_factor(arb_ptr result, const Slope& slope, std::int64_t position, long bits) {
  set_slope(result, slope, bits + 64);
  arb_mul_si(result, result, position, bits + 64);
  arb_exp(result, result, bits);
}

void set_frequency(arb_ptr result, double base, std::size_t f, std::size_t dimensions, long bits) {
  Ball logarithm;
  arb_set_d(logarithm, base);
  arb_log(logarithm, logarithm, bits + 8);
  arb_mul_si(logarithm, logarithm, -2 * static_cast<slong>(f), bits + 8);
  arb_div_ui(logarithm, logarithm, dimensions, bits + 8);
  arb_exp(result, logarithm, bits);
}

void gelu_tanh_argument(arb_ptr result, arb_srcptr x, long bits) {
  Ball cube, root;
  arb_pow_ui(cube, x, 3, bits);
  arb_mul_ui(cube, cube, 44715, bits);
  arb_div_ui(cube, cube, 1000000, bits);
  arb_add(result, x, cube, bits);
  arb_const_pi(root, bits);
  arb_ui_div(root, 8, root, bits);
  arb_sqrt(root, root, bits);
  arb_mul(result, result, root, bits);
}

void apply(Activation activation, arb_ptr result, arb_srcptr x, long bits) {
  switch (activation) {
    case Activation::identity:
      arb_set(result, x);
      return;
    case Activation::relu: {
      const Ball zero;
      arb_max(result, x, zero, bits);
      return;
    }
    case Activation::silu:
      times_sigmoid(result, x, x, bits);
      return;
    case Activation::gelu_exact: {  // x Phi(x) = x/2 erfc(-x / sqrt 2): no cancellation for negative x
      Ball t;
      arb_sqrt_ui(t, 2, bits);
      arb_div(t, x, t, bits);
      arb_neg(t, t);
      arb_hypgeom_erfc(t, t, bits);
      arb_mul(t, t, x, bits);
      arb_mul_2exp_si(result, t, -1);
      return;
    }
    case Activation::gelu_tanh: {  // x/2 (1 + tanh u) = x / (1 + exp(-2u))
      Ball u;
      gelu_tanh_argument(u, x, bits);
      times_sigmoid(result, x, u, bits);
      return;
    }
  }
}

void apply_softcap(arb_ptr result, arb_srcptr s, double c, long bits) {
  Ball cap;
  arb_set_d(cap, c);
  arb_div(result, s, cap, bits);
  arb_tanh(result, result, bits);
  arb_mul(result, result, cap, bits);
}

}  // namespace snellen
