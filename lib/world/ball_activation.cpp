#include "lib/world/ball_activation.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exp_lanes.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

// At least |silu'(x)|; s is 1/(1 + e^-x) to 50 bits. Between -64 and 64 doubles are within 2^-42 s of s (1 + x (1 - s)).
double silu_slope(double x, double s) {
  constexpr double largest_slope = 1.1;
  if (!(std::fabs(x) <= 64)) return largest_slope;
  return std::min(largest_slope, s * (std::fabs(1 + x * (1 - s)) + 0x1p-40));
}

void silu(arb_ptr y, arb_srcptr x, arb_srcptr logistic, long bits) {
  const Magnitude radius = Magnitude::radius_of(x);
  Ball midpoint;
  arb_get_mid_arb(midpoint, x);
  const double slope = silu_slope(arf_get_d(arb_midref(x), ARF_RND_NEAR), arf_get_d(arb_midref(logistic), ARF_RND_NEAR));
  arb_mul(y, midpoint, logistic, bits);
  if (radius.is_zero()) return;
  Magnitude growth, largest;
  mag_set_d(growth.get(), slope);
  growth += shifted(radius, -1);
  mag_set_d(largest.get(), 1.1);
  if (largest < growth) growth = largest;
  mag_addmul(arb_radref(y), growth.get(), radius.get());
}

}  // namespace

void activate(Activation activation, std::span<arb_ptr const> y, std::span<arb_srcptr const> x, long bits) {
  if (activation != Activation::silu && activation != Activation::gelu_tanh) {
    for (std::size_t i = 0; i < x.size(); ++i) apply(activation, y[i], x[i], bits);
    return;
  }
  const bool plain = activation == Activation::silu;
  BallVector arguments(plain ? 0 : x.size()), logistics(x.size());
  std::vector<arb_ptr> results;
  std::vector<arb_srcptr> points;
  std::vector<slong> precision;
  std::vector<std::size_t> finite;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!plain) gelu_tanh_argument(arguments[i], x[i], deserved_bits(x[i], bits));
    arb_srcptr point = plain ? x[i] : arguments[i];
    if (!tame(x[i]) || !tame(point)) {
      apply(activation, y[i], x[i], bits);
      continue;
    }
    finite.push_back(i), points.push_back(point), results.push_back(logistics[i]), precision.push_back(std::max<slong>(60, deserved_bits(x[i], bits)));
  }
  logistics_of_midpoints(results, points, precision);
  for (std::size_t f = 0; f < finite.size(); ++f) {
    const std::size_t i = finite[f];
    arb_ptr logistic = logistics[i];
    if (plain) {
      silu(y[i], x[i], logistic, deserved_bits(x[i], bits));
      continue;
    }
    // The logistic function's slope is at most 1/4, and its values lie in [0, 1].
    Magnitude change = shifted(Magnitude::radius_of(points[f]), -2);
    mag_add(arb_radref(logistic), arb_radref(logistic), change.get());
    arb_mul(y[i], x[i], logistic, deserved_bits(x[i], bits));
  }
}

}  // namespace snellen
