#include "lib/number/taylor.hpp"

#include <stdexcept>

namespace snellen {

Magnitude weighted_norm(arb_srcptr x, slong first, slong length, long e) {
  Magnitude sum;
  for (slong k = first; k < length; ++k) sum += shifted(Magnitude::of(x + k), e * k);
  return sum;
}

TaylorArithmetic::TaylorArithmetic(long bits, std::size_t degree) : bits_(bits), length_(static_cast<slong>(degree) + 1) {
  if (bits < 2) throw std::invalid_argument("TaylorArithmetic: at least 2 bits");
}

void TaylorArithmetic::set_indeterminate(arb_ptr result) const {
  _arb_vec_zero(result, length_);
  arb_indeterminate(result);
}

void TaylorArithmetic::sweep(arb_ptr x) const {
  mag_ptr total = arb_radref(x);
  for (slong k = 1; k < length_; ++k) {
    if (!arb_is_finite(x + k)) return set_indeterminate(x);
    mag_add(total, total, arb_radref(x + k));
    mag_zero(arb_radref(x + k));
  }
}

Magnitude TaylorArithmetic::variation(arb_srcptr x) const { return weighted_norm(x, 1, length_, 0); }

Magnitude TaylorArithmetic::supremum(arb_srcptr x) const { return Magnitude::of(x) + variation(x); }

void TaylorArithmetic::range(arb_ptr result, arb_srcptr x) const {
  const Magnitude v = variation(x);
  arb_set(result, x);
  arb_add_error_mag(result, v.get());
}

void TaylorArithmetic::evaluate(arb_ptr result, arb_srcptr x, arb_srcptr t) const {
  Ball sum;
  _arb_poly_evaluate_horner(sum, x, length_, t, bits_);
  arb_set(result, sum);
}

void TaylorArithmetic::evaluate_mean_value(arb_ptr result, arb_srcptr x, arb_srcptr t) const {
  if (length_ == 1) return arb_set(result, x);
  Ball middle, value, slope, deviation;
  arb_get_mid_arb(middle, t);
  evaluate(value, x, middle);
  BallVector derivative(static_cast<std::size_t>(length_));
  _arb_poly_derivative(derivative[0], x, length_, bits_);
  _arb_poly_evaluate_horner(slope, derivative[0], length_ - 1, t, bits_);
  arb_sub(deviation, t, middle, bits_);
  arb_addmul(value, slope, deviation, bits_);
  arb_set(result, value);
}

void TaylorArithmetic::add(arb_ptr result, arb_srcptr x, arb_srcptr y) const {
  _arb_vec_add(result, x, y, length_, bits_);
  sweep(result);
}

void TaylorArithmetic::multiply(arb_ptr result, arb_srcptr x, arb_srcptr y) const {
  _arb_poly_mullow(result, x, length_, y, length_, length_, bits_);
  // What the product has beyond degree q: the sum over i + j > q of |x_i| |y_j|.
  Magnitude overflow, tail;
  for (slong i = 1; i < length_; ++i) {
    tail += Magnitude::of(y + (length_ - i));
    overflow += Magnitude::of(x + i) * tail;
  }
  add_error(result, overflow);
  sweep(result);
}

void TaylorArithmetic::scale(arb_ptr result, arb_srcptr x, arb_srcptr factor) const {
  _arb_vec_scalar_mul(result, x, length_, factor, bits_);
  sweep(result);
}

namespace {

BallVector midpoints(arb_srcptr x, slong length) {
  BallVector result(static_cast<std::size_t>(length));
  for (slong k = 0; k < length; ++k) arb_get_mid_arb(result[static_cast<std::size_t>(k)], x + k);
  return result;
}

// At least 1 / (1 - delta); infinite for delta >= 1.
Magnitude inverse_of_rest(const Magnitude& delta) {
  Magnitude one = Magnitude::of(1ul), rest, result;
  mag_sub_lower(rest.get(), one.get(), delta.get());
  mag_div(result.get(), one.get(), rest.get());
  return result;
}

}  // namespace

// r, a truncated power series of 1/x, is exact; with rho = 1 - x r and |rho| <= delta < 1: 1/x - r = r rho / (1 - rho).
void TaylorArithmetic::inverse(arb_ptr result, arb_srcptr x) const {
  if (!arb_is_finite(x)) return set_indeterminate(result);
  BallVector r = midpoints(x, length_), residual(static_cast<std::size_t>(length_));
  if (arb_is_zero(r[0])) return set_indeterminate(result);
  _arb_poly_inv_series(result, r[0], length_, length_, bits_);
  r = midpoints(result, length_);
  multiply(residual[0], x, r[0]);
  arb_sub_ui(residual[0], residual[0], 1, bits_);
  const Magnitude delta = supremum(residual[0]);
  for (slong k = 0; k < length_; ++k) arb_set(result + k, r[static_cast<std::size_t>(k)]);
  add_error(result, supremum(r[0]) * delta * inverse_of_rest(delta));
  if (!arb_is_finite(result)) set_indeterminate(result);
}

// r, a truncated power series of x^(-1/2), is exact and positive on [-1, 1]; with rho = 1 - x r^2 and |rho| <= delta < 1:
// |x^(-1/2) - r| = r |(1 - rho)^(-1/2) - 1| <= r delta / (2 (1 - delta)^2).
void TaylorArithmetic::inverse_sqrt(arb_ptr result, arb_srcptr x) const {
  if (!arb_is_finite(x)) return set_indeterminate(result);
  BallVector r = midpoints(x, length_), square(static_cast<std::size_t>(length_)), residual(static_cast<std::size_t>(length_));
  if (!arb_is_positive(r[0])) return set_indeterminate(result);
  _arb_poly_rsqrt_series(result, r[0], length_, length_, bits_);
  r = midpoints(result, length_);
  Ball values;
  range(values, r[0]);
  if (!arb_is_positive(values)) return set_indeterminate(result);
  multiply(square[0], r[0], r[0]);
  multiply(residual[0], x, square[0]);
  arb_sub_ui(residual[0], residual[0], 1, bits_);
  const Magnitude delta = supremum(residual[0]), inverse = inverse_of_rest(delta);
  for (slong k = 0; k < length_; ++k) arb_set(result + k, r[static_cast<std::size_t>(k)]);
  add_error(result, shifted(supremum(r[0]) * delta * inverse * inverse, -1));
  if (!arb_is_finite(result)) set_indeterminate(result);
}

// e^x = e^(c_0) e^p with p exact and without constant term.
void TaylorArithmetic::exp(arb_ptr result, arb_srcptr x) const {
  if (!arb_is_finite(x)) return set_indeterminate(result);
  BallVector p = midpoints(x, length_);
  arb_zero(p[0]);
  if (length_ == 1) arb_one(result);
  else _arb_poly_exp_series(result, p[0], length_, length_, bits_);
  sweep(result);
  add_error(result, exponential_tail(static_cast<std::size_t>(length_ - 1), [&](long e) { return weighted_norm(p[0], 1, length_, e); }));
  Ball factor;
  arb_exp(factor, x, bits_);
  scale(result, result, factor);
}

// erf' = 2/sqrt(pi) e^(-x^2): with p the polynomial of midpoints, a function on all of [-1, 1], erf(p(t)) = erf(p(0)) + the integral of
// 2/sqrt(pi) e^(-p^2) p'; and |erf(x) - erf(p)| <= 2/sqrt(pi) |x - p|.
void TaylorArithmetic::erf(arb_ptr result, arb_srcptr x) const {
  if (!arb_is_finite(x)) return set_indeterminate(result);
  const auto size = static_cast<std::size_t>(length_);
  const BallVector p = midpoints(x, length_);
  BallVector square(size), density(size), derivative(size), integrand(size);
  multiply(square[0], p[0], p[0]);
  _arb_vec_neg(square[0], square[0], length_);
  exp(density[0], square[0]);
  if (length_ > 1) _arb_poly_derivative(derivative[0], p[0], length_, bits_);
  sweep(derivative[0]);
  multiply(integrand[0], density[0], derivative[0]);
  Ball factor, radius;
  arb_const_sqrt_pi(factor, bits_);
  arb_ui_div(factor, 2, factor, bits_);
  scale(integrand[0], integrand[0], factor);
  // The integral from 0 to t, |t| <= 1: coefficients k become k + 1, the one of degree q + 1 and the integrand's error go into the constant.
  Magnitude error = Magnitude::radius_of(integrand[0]);
  for (slong k = 1; k < length_; ++k) arb_div_ui(result + k, integrand[static_cast<std::size_t>(k - 1)], static_cast<ulong>(k), bits_);
  if (length_ > 1) mag_zero(arb_radref(result + 1));
  error += Magnitude::of(integrand[size - 1]);
  arb_hypgeom_erf(result, p[0], bits_);
  arb_add_error_mag(result, error.get());
  arb_zero_pm_one(radius);
  arb_mul(radius, radius, factor, bits_);
  error = Magnitude::of(radius) * Magnitude::radius_of(x);
  arb_add_error_mag(result, error.get());
  sweep(result);
}

void TaylorArithmetic::relu(arb_ptr result, arb_srcptr x) const {
  Ball values, zero;
  range(values, x);
  if (arb_is_nonnegative(values)) return _arb_vec_set(result, x, length_);
  _arb_vec_zero(result, length_);
  if (!arb_is_nonpositive(values)) arb_max(result, values, zero, bits_);
}

}  // namespace snellen
