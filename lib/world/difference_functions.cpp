#include "lib/world/difference_functions.hpp"

#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

// 1 / (1 + exp(-x)).
void logistic(arb_ptr result, arb_srcptr x, long bits) {
  arb_neg(result, x);
  arb_exp(result, result, bits);
  arb_add_ui(result, result, 1, bits);
  arb_inv(result, result, bits);
}

// y g(y) - x g(x), of d = y - x, g(y) and the difference of g.
void product_difference(arb_ptr result, arb_srcptr x, arb_srcptr d, arb_srcptr g, arb_srcptr change, long bits) {
  arb_mul(result, d, g, bits);
  arb_addmul(result, x, change, bits);
}

// y s(v) - x s(u), of d = y - x and e = v - u.
void times_logistic_difference(arb_ptr result, arb_srcptr x, arb_srcptr d, arb_srcptr u, arb_srcptr v, arb_srcptr e, long bits) {
  Ball after, rest, change;
  logistic(after, v, bits);
  arb_neg(rest, u);
  logistic(rest, rest, bits);  // 1 - s(u) = s(-u)
  arb_neg(change, e);
  arb_expm1(change, change, bits);
  arb_neg(change, change);
  arb_mul(change, change, rest, bits);
  arb_mul(change, change, after, bits);
  product_difference(result, x, d, after, change, bits);
}

// Phi(y) - Phi(x).
void normal_difference(arb_ptr result, arb_srcptr x, arb_srcptr d, long bits) {
  Ball middle, density;
  arb_mul_2exp_si(middle, d, -1);
  arb_add(middle, middle, x, bits);
  arb_sqr(middle, middle, bits);
  arb_mul_2exp_si(middle, middle, -1);
  arb_neg(middle, middle);
  arb_exp(middle, middle, bits);
  arb_const_pi(density, bits);
  arb_mul_2exp_si(density, density, 1);
  arb_rsqrt(density, density, bits);
  arb_mul(result, middle, density, bits);
  arb_mul(result, result, d, bits);
  // |d|^3 / 60 = |d|^3 / 24 * 2/5.
  const Magnitude size = Magnitude::of(d);
  Magnitude rest = size * size * size;
  mag_div_ui(rest.get(), rest.get(), 60);
  arb_add_error_mag(result, rest.get());
}

// w(y) - w(x), w the argument of the tanh GELU's logistic function.
void gelu_tanh_argument_difference(arb_ptr result, arb_srcptr x, arb_srcptr y, arb_srcptr d, long bits) {
  Ball t;
  arb_sqr(t, x, bits);
  arb_addmul(t, x, y, bits);
  arb_addmul(t, y, y, bits);
  arb_mul_ui(t, t, 44715, bits);
  arb_div_ui(t, t, 1000000, bits);
  arb_add_ui(t, t, 1, bits);
  arb_const_pi(result, bits);
  arb_ui_div(result, 8, result, bits);
  arb_sqrt(result, result, bits);
  arb_mul(result, result, d, bits);
  arb_mul(result, result, t, bits);
}

// mean(x), of x_i minus it.
void centre_entries(BallVector& x, long bits) {
  Ball mean;
  for (std::size_t i = 0; i < x.size(); ++i) arb_add(mean, mean, x[i], bits);
  arb_div_ui(mean, mean, x.size(), bits);
  for (std::size_t i = 0; i < x.size(); ++i) arb_sub(x[i], x[i], mean, bits);
}

// (mean(x^2) + epsilon)^{-1/2}.
void inverse_root(arb_ptr result, const BallVector& x, double epsilon, long bits) {
  Ball square;
  arb_zero(result);
  for (std::size_t i = 0; i < x.size(); ++i) {
    arb_sqr(square, x[i], bits);
    arb_add(result, result, square, bits);
  }
  arb_div_ui(result, result, x.size(), bits);
  arb_set_d(square, epsilon);
  arb_add(result, result, square, bits);
  arb_rsqrt(result, result, bits);
}

}  // namespace

void activation_difference(Activation activation, arb_ptr result, arb_srcptr x, arb_srcptr y, arb_srcptr d, long bits) {
  if (arb_is_zero(d)) return arb_zero(result);
  switch (activation) {
    case Activation::identity:
      return arb_set(result, d);
    case Activation::relu: {
      if (arb_is_nonnegative(x) && arb_is_nonnegative(y)) return arb_set(result, d);
      if (arb_is_nonpositive(x) && arb_is_nonpositive(y)) return arb_zero(result);
      const Ball zero;
      return arb_union(result, d, zero, bits);
    }
    case Activation::silu:
      return times_logistic_difference(result, x, d, x, y, d, bits);
    case Activation::gelu_exact: {  // Phi(y) = erfc(-y / sqrt 2) / 2
      Ball after, change;
      arb_sqrt_ui(after, 2, bits);
      arb_div(after, y, after, bits);
      arb_neg(after, after);
      arb_hypgeom_erfc(after, after, bits);
      arb_mul_2exp_si(after, after, -1);
      normal_difference(change, x, d, bits);
      return product_difference(result, x, d, after, change, bits);
    }
    case Activation::gelu_tanh: {
      Ball u, v, e;
      gelu_tanh_argument(u, x, bits);
      gelu_tanh_argument(v, y, bits);
      gelu_tanh_argument_difference(e, x, y, d, bits);
      return times_logistic_difference(result, x, d, u, v, e, bits);
    }
  }
}

void softcap_difference(arb_ptr result, arb_srcptr s, arb_srcptr d, double c, long bits) {
  Ball cap, before, after, step;
  arb_set_d(cap, c);
  arb_add(after, s, d, bits);
  arb_div(after, after, cap, bits);
  arb_tanh(after, after, bits);
  arb_div(before, s, cap, bits);
  arb_tanh(before, before, bits);
  arb_div(step, d, cap, bits);
  arb_tanh(step, step, bits);
  arb_mul(before, before, after, bits);
  arb_sub_ui(before, before, 1, bits);
  arb_neg(before, before);
  arb_mul(step, step, cap, bits);
  arb_mul(result, step, before, bits);
}

void norm_difference(const Norm& norm, arb_ptr result, slong stride, Entries x, Entries y, Entries d, Entries weights, std::size_t size, long bits) {
  BallVector before(size), after(size), change(size);
  for (std::size_t i = 0; i < size; ++i) arb_set(before[i], x[i]), arb_set(after[i], y[i]), arb_set(change[i], d[i]);
  if (norm.kind == NormKind::layer)
    for (BallVector* entries : {&before, &after, &change}) centre_entries(*entries, bits);
  Ball r, s, rest, t;
  inverse_root(r, before, norm.epsilon, bits);
  inverse_root(s, after, norm.epsilon, bits);
  for (std::size_t i = 0; i < size; ++i) {
    arb_add(t, before[i], after[i], bits);
    arb_addmul(rest, change[i], t, bits);
  }
  arb_div_ui(rest, rest, size, bits);
  arb_neg(rest, rest);
  arb_mul(t, r, s, bits);
  arb_sqr(t, t, bits);
  arb_mul(rest, rest, t, bits);
  arb_add(t, r, s, bits);
  arb_div(rest, rest, t, bits);
  for (std::size_t i = 0; i < size; ++i) {
    arb_ptr entry = result + static_cast<slong>(i) * stride;
    arb_mul(t, change[i], s, bits);
    arb_addmul(t, before[i], rest, bits);
    arb_mul(entry, t, weights[i], bits);
  }
}

}  // namespace snellen
