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

constexpr double largest_slope = 1.1;

// At least |silu'(x)|; s is 1/(1 + e^-x) to 50 bits. Between -64 and 64 doubles are within 2^-42 s of s (1 + x (1 - s)).
double silu_slope(double x, double s) {
  return std::fabs(x) <= 64 ? std::min(largest_slope, s * (std::fabs(1 + x * (1 - s)) + 0x1p-40)) : largest_slope;
}

void silu(arb_ptr y, arb_srcptr x, arb_srcptr logistic, long bits) {
  const Magnitude radius = Magnitude::radius_of(x);
  const double point = nearest_double(arb_midref(x));
  Magnitude slope, curvature, largest;
  mag_set_d(slope.get(), silu_slope(point, nearest_double(arb_midref(logistic))));
  mag_set_d(curvature.get(), 0.5), mag_set_d(largest.get(), largest_slope);
  if (point < 0) {
    // |silu'| <= s (1 + |x|); and up to 1 away s grows by e at most: |silu''| <= e s (3 + |x|).
    const Magnitude value = Magnitude::of(logistic);
    Magnitude size = Magnitude::of(x) + Magnitude::of(1ul);
    slope = std::min(slope, value * size);
    if (radius < Magnitude::of(1ul)) curvature = std::min(curvature, Magnitude::of(3ul) * (value * (size + Magnitude::of(2ul))));
  }
  Ball midpoint;
  arb_get_mid_arb(midpoint, x);
  arb_mul(y, midpoint, logistic, bits);
  mag_addmul(arb_radref(y), std::min(largest, slope + shifted(curvature * radius, -1)).get(), radius.get());
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
    // |s(x + d) - s(x)| is at most |d| / 4, s(x) (e^|d| - 1), and (1 - s(x)) (e^|d| - 1), for 1 - s(x) = s(-x).
    const Magnitude radius = Magnitude::radius_of(points[f]);
    Ball rest;
    arb_sub_ui(rest, logistic, 1, 30);
    const Magnitude least = std::min(Magnitude::of(static_cast<arb_srcptr>(logistic)), Magnitude::of(static_cast<arb_srcptr>(rest)));
    Magnitude change = std::min(shifted(radius, -2), least * expm1(radius));
    mag_add(arb_radref(logistic), arb_radref(logistic), change.get());
    arb_mul(y[i], x[i], logistic, deserved_bits(x[i], bits));
  }
}

}  // namespace snellen
