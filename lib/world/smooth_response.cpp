#include "lib/world/smooth_response.hpp"

#include <algorithm>

#include "lib/number/rounded_matrix.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/ball_slopes.hpp"
#include "lib/world/norm_slope.hpp"

namespace snellen {
namespace {

BallMatrix identity(std::size_t size) {
  BallMatrix result(size, size);
  for (std::size_t i = 0; i < size; ++i) arb_one(result(i, i));
  return result;
}

Magnitude largest_entry(const BallMatrix& x) {
  Magnitude result;
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c)
      if (const Magnitude here = Magnitude::of(x(i, c)); result < here) result = here;
  return result;
}

Magnitude largest_row(const RoundedMatrix& a) {
  Magnitude result;
  for (const Magnitude& row : row_norms(a))
    if (result < row) result = row;
  return result;
}

}  // namespace

BallMatrix matrix_of(const Linear& map) {
  BallMatrix result(map.weight->rows(), map.weight->columns());
  std::vector<double> row(map.weight->columns());
  for (std::size_t i = 0; i < result.rows(); ++i) {
    map.weight->read_row(i, row);
    for (std::size_t j = 0; j < row.size(); ++j) arb_set_d(result(i, j), row[j]);
  }
  return result;
}

BallMatrix product_of(const BallMatrix& a, const BallMatrix& b, long bits) {
  BallMatrix result(a.rows(), b.columns());
  arb_mat_mul(result.get(), a.get(), b.get(), bits);
  return result;
}

// y = w s / rho, s = x less its mean (layer) or x: D = diag(w) (I - 1 1^T / n - u u^T / n) / rho, u = s / rho (the second term for a layer norm only).
SmoothResponse norm_response(const std::optional<Norm>& norm, const BallMatrix& r, const Magnitude& radius, const BallWorld& balls) {
  const std::size_t size = r.rows();
  if (!norm) return {r, identity(size), Magnitude::of(1UL), {}};
  const long bits = balls.bits();
  SmoothResponse result{balls.norm(*norm, r, 1), BallMatrix(size, size), {}, {}};
  BallVector u(size), weights(size);
  Ball mean, square, t;
  if (norm->kind == NormKind::layer) {
    for (std::size_t i = 0; i < size; ++i) arb_add(mean, mean, r(i, 0), bits);
    arb_div_ui(mean, mean, size, bits);
  }
  for (std::size_t i = 0; i < size; ++i) {
    arb_sub(u[i], r(i, 0), mean, bits);
    arb_addmul(square, u[i], u[i], bits);
  }
  arb_div_ui(square, square, size, bits);
  arb_set_d(t, norm->epsilon);
  arb_add(square, square, t, bits);
  Ball inverse;
  arb_rsqrt(inverse, square, bits);
  std::vector<double> stored(size, norm->unit_offset ? 0 : 1);
  if (norm->weight) stored = read_all(*norm->weight);
  for (std::size_t i = 0; i < size; ++i) {
    arb_mul(u[i], u[i], inverse, bits);
    arb_set_d(weights[i], stored[i]);
    if (norm->unit_offset) arb_add_ui(weights[i], weights[i], 1, bits);
    arb_mul(weights[i], weights[i], inverse, bits);
  }
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) {
      arb_ptr d = result.derivative(i, j);
      arb_mul(d, u[i], u[j], bits);
      if (norm->kind == NormKind::layer) arb_add_ui(d, d, 1, bits);
      arb_div_ui(d, d, size, bits);
      arb_neg(d, d);
      if (i == j) arb_add_ui(d, d, 1, bits);
      arb_mul(d, d, weights[i], bits);
    }
  // |D y/ds| <= 1/rho; |its change| <= 3 |x - r| / (sqrt(n) rho^2), rho the least within the radius.
  const Magnitude largest = largest_norm_weight(norm_weights(*norm)), inverse_root = norm_slope(*norm, r, 0, size, 0, radius);
  result.slope = largest * inverse_root;
  Magnitude root;
  mag_set_ui(root.get(), size);
  mag_rsqrt(root.get(), root.get());
  result.curvature = result.slope * inverse_root * root * Magnitude::of(3UL);
  return result;
}

// F(z) = down(a(gate h) (up h)), h = N(z); DF = down A DN, A = diag(a'(g) u) gate + diag(a(g)) up. Between r and x
//   |DF(x) - DF(r)| <= |down A DN(x) - down A DN(r)| + |down| |A(x) - A(r)| |DN(x)|,   the entries of g and u moving by at most |row| |h - h(r)| and a, a' by their Lipschitz constants.
SmoothResponse mlp_response(const Layer& layer, const BallMatrix& r, const Magnitude& radius, const BallWorld& balls) {
  const std::size_t size = r.rows();
  if (!layer.up) return {r, identity(size), {}, {}};
  const long bits = balls.bits();
  const SmoothResponse norm = norm_response(layer.mlp_norm, r, radius, balls);
  const ActivationBounds bounds = activation_bounds(layer.activation);
  const Magnitude lipschitz = magnitude_of(bounds.lipschitz), bend = magnitude_of(bounds.curvature);
  const BallMatrix up = matrix_of(*layer.up), down = matrix_of(*layer.down), inner = balls.linear(*layer.up, norm.value);
  const std::size_t hidden = inner.rows();
  // a(g) and a'(g), g what is activated.
  const BallMatrix g = layer.gate ? balls.linear(*layer.gate, norm.value) : inner;
  const BallMatrix activated = balls.activate(layer.activation, g);
  BallMatrix slopes(hidden, 1);
  for (std::size_t i = 0; i < hidden; ++i) apply_slope(layer.activation, slopes(i, 0), g(i, 0), bits);
  BallMatrix combined(hidden, size);  // A
  const BallMatrix gate = layer.gate ? matrix_of(*layer.gate) : BallMatrix();
  Ball factor;
  for (std::size_t i = 0; i < hidden; ++i)
    for (std::size_t j = 0; j < size; ++j) {
      if (layer.gate) {
        arb_mul(factor, slopes(i, 0), inner(i, 0), bits);
        arb_mul(combined(i, j), factor, gate(i, j), bits);
        arb_addmul(combined(i, j), activated(i, 0), up(i, j), bits);
      } else {
        arb_mul(combined(i, j), slopes(i, 0), up(i, j), bits);
      }
    }
  const BallMatrix inside = product_of(down, combined, bits);
  SmoothResponse result{{}, product_of(inside, norm.derivative, bits), {}, {}};
  for (std::size_t i = 0; i < size; ++i) arb_add_ui(result.derivative(i, i), result.derivative(i, i), 1, bits);
  result.value = balls.add(r, balls.linear(*layer.down, layer.gate ? balls.multiply(activated, inner) : activated));
  const RoundedMatrix rounded_up(up);
  Magnitude change;  // at least |A(x) - A(r)| / |h - h(r)|
  if (layer.gate) {
    const RoundedMatrix rounded_gate(gate);
    const Magnitude gate_row = largest_row(rounded_gate), up_row = largest_row(rounded_up);
    change = (lipschitz * up_row + largest_entry(inner) * bend * gate_row) * two_norm(rounded_gate) + lipschitz * gate_row * two_norm(rounded_up);
  } else {
    change = bend * largest_row(rounded_up) * two_norm(rounded_up);
  }
  result.curvature = two_norm(RoundedMatrix(inside)) * norm.curvature + two_norm(RoundedMatrix(down)) * change * norm.slope * norm.slope;
  return result;
}

}  // namespace snellen
