// Norms and MLPs near a limit: derivatives and how fast they change, against points at random.
#include "lib/world/smooth_response.hpp"

#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/number/upward.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 200;

double norm(const BallMatrix& x) {  // of its middle
  Ball sum;
  for (std::size_t i = 0; i < x.rows(); ++i) arb_addmul(sum, x(i, 0), x(i, 0), bits);
  arb_sqrtpos(sum, sum, bits);
  return arf_get_d(arb_midref(static_cast<arb_ptr>(sum)), ARF_RND_NEAR);
}
BallMatrix difference(const BallMatrix& a, const BallMatrix& b) {
  BallMatrix result(a.rows(), 1);
  for (std::size_t i = 0; i < a.rows(); ++i) arb_sub(result(i, 0), a(i, 0), b(i, 0), bits);
  return result;
}

// The largest shares of the three bounds that points within the radius reach.
template <class F>
std::vector<double> shares(const SmoothResponse& response, const BallMatrix& r, double radius, const F& f) {
  SplitMix64 random(3);
  std::vector<double> most(3);
  const double bend = upper_double(response.curvature), slope = upper_double(response.slope);
  const auto point = [&](double length) {
    BallMatrix d(r.rows(), 1), x(r.rows(), 1);
    for (std::size_t i = 0; i < r.rows(); ++i) arb_set_d(d(i, 0), static_cast<double>(random.next() >> 11) * 0x1p-52 - 1);
    const double scale = length / norm(d);
    Ball t;
    for (std::size_t i = 0; i < r.rows(); ++i) {
      arb_set_d(t, scale);
      arb_mul(t, t, d(i, 0), bits);
      arb_add(x(i, 0), r(i, 0), t, bits);
    }
    return x;
  };
  for (int trial = 0; trial < 400; ++trial) {
    const double length = radius * (trial % 8 + 1) / 8.1;
    const BallMatrix x = point(length), x2 = point(length * 0.9), fx = f(x), fx2 = f(x2);
    const BallMatrix d = difference(x, r), step = difference(x, x2);
    const double second = norm(difference(difference(fx, response.value), product_of(response.derivative, d, bits)));
    const double moved = norm(difference(difference(fx, fx2), product_of(response.derivative, step, bits)));
    REQUIRE(second <= bend / 2 * length * length);
    REQUIRE(moved <= bend * length * norm(step));
    most[0] = std::max(most[0], second / (bend / 2 * length * length)), most[1] = std::max(most[1], moved / (bend * length * norm(step)));
    if (!response.slope.is_zero()) {
      const double change = norm(difference(fx, fx2));
      REQUIRE(change <= slope * norm(step));
      most[2] = std::max(most[2], change / (slope * norm(step)));
    }
  }
  return most;
}

}  // namespace

TEST_CASE("norms near a limit") {
  const BallWorld balls(bits);
  for (const NormKind kind : {NormKind::rms, NormKind::layer})
    for (const bool offset : {false, true}) {
      Norm n{kind, std::make_shared<DenseTensor>(1, 4, std::vector<double>{1.5, -0.5, 1, 0.75}), nullptr, 0.25, offset};
      if (kind == NormKind::layer) n.bias = std::make_shared<DenseTensor>(1, 4, std::vector<double>{1, 2, 3, 4});
      BallMatrix r(4, 1);
      const double values[] = {1, -2, 0.5, 3};
      for (std::size_t i = 0; i < 4; ++i) arb_set_d(r(i, 0), values[i]);
      const SmoothResponse response = norm_response(n, r, magnitude_of(0.5), balls);
      const std::vector<double> most = shares(response, r, 0.5, [&](const BallMatrix& x) { return balls.norm(n, x, 1); });
      CAPTURE(most);
      CHECK(most[0] > 0.05);
      CHECK(most[1] > 0.05);
      CHECK(most[2] > 0.3);
    }
  BallMatrix r(2, 1);
  arb_set_d(r(0, 0), 3);
  const SmoothResponse none = norm_response(std::nullopt, r, magnitude_of(0.5), balls);
  CHECK(none.curvature.is_zero());
  CHECK(arb_equal(none.value(0, 0), r(0, 0)));
  CHECK(arb_is_one(none.derivative(1, 1)));
}

TEST_CASE("MLPs near a limit") {
  const BallWorld balls(bits);
  for (const bool gated : {true, false})
    for (const Activation activation : {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh}) {
      RandomModel m = small(PositionKind::rope);
      m.gated = gated, m.activation = activation, m.bias = true;
      const Model model = synthetic_model(m);
      Layer layer = model.layers[0];
      BallMatrix r(8, 1);
      for (std::size_t i = 0; i < 8; ++i) arb_set_d(r(i, 0), std::sin(1.0 + static_cast<double>(i)));
      const SmoothResponse response = mlp_response(layer, r, magnitude_of(0.25), balls);
      const std::vector<double> most = shares(response, r, 0.25, [&](const BallMatrix& x) {
        const BallMatrix h = balls.norm(*layer.mlp_norm, x, 1);
        BallMatrix inner = balls.linear(*layer.up, h);
        inner = gated ? balls.multiply(balls.activate(activation, balls.linear(*layer.gate, h)), inner) : balls.activate(activation, inner);
        return balls.add(x, balls.linear(*layer.down, inner));
      });
      CAPTURE(most);
      CHECK(most[0] > 1e-3);
      CHECK(most[1] > 1e-3);
    }
}
