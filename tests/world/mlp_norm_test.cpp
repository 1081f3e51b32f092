// Norms of an MLP's Jacobians against Jacobians formed one by one.
#include <cmath>
#include <vector>

#include "lib/number/splitmix64.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/mlp_norm.hpp"
#include "tests/catch.hpp"
#include "tests/world/jacobian.hpp"

using namespace snellen;

namespace {

double uniform(SplitMix64& random) { return static_cast<double>(static_cast<std::int64_t>(random.next()) >> 11) * 0x1p-52; }
std::vector<double> numbers(SplitMix64& random, std::size_t count, double outliers) {
  std::vector<double> result(count);
  for (double& x : result) x = uniform(random) * (random.below(20) == 0 ? outliers : 1);
  return result;
}

struct Mlp {
  std::size_t out, hidden, in;
  std::vector<double> down, gate, up;
  Jacobian jacobian(std::span<const double> a, std::span<const double> b) const {
    Jacobian j{out, in, std::vector<double>(out * in)};
    for (std::size_t i = 0; i < out; ++i)
      for (std::size_t k = 0; k < hidden; ++k)
        for (std::size_t m = 0; m < in; ++m)
          j.entries[i * in + m] += down[i * hidden + k] * (a[k] * gate[k * in + m] + (up.empty() ? 0 : b[k] * up[k * in + m]));
    return j;
  }
};

// MlpNorm refers to the tensors.
struct Norms {
  explicit Norms(const Mlp& mlp, std::size_t most_gram_bytes = std::size_t{1} << 30, std::span<const double> weights = {})
      : down(mlp.out, mlp.hidden, mlp.down), norm(down, tensor(mlp.hidden, mlp.in, mlp.gate), mlp.up.empty() ? nullptr : tensor(mlp.hidden, mlp.in, mlp.up), weights, most_gram_bytes) {}
  static TensorPtr tensor(std::size_t rows, std::size_t columns, const std::vector<double>& values) { return std::make_shared<DenseTensor>(rows, columns, values); }
  const DenseTensor down;
  const MlpNorm norm;
};

Mlp random_mlp(SplitMix64& random, std::size_t out, std::size_t hidden, std::size_t in, bool gated) {
  return {out, hidden, in, numbers(random, out * hidden, 8), numbers(random, hidden * in, 8), gated ? numbers(random, hidden * in, 8) : std::vector<double>()};
}

}  // namespace

TEST_CASE("Frobenius norms of Jacobians are enclosed from above, within two percent") {
  SplitMix64 random(1);
  std::size_t tested = 0;
  for (const auto& [out, hidden, in, gated] : {std::tuple{16U, 24U, 16U, true}, {33U, 50U, 40U, true}, {70U, 130U, 70U, true}, {16U, 24U, 16U, false}, {5U, 1U, 3U, true}}) {
    const Mlp mlp = random_mlp(random, out, hidden, in, gated);
    const Norms norms(mlp);
    const MlpNorm& norm = norms.norm;
    const std::size_t count = 19;
    const std::vector<double> a = numbers(random, count * hidden, 100), b = gated ? numbers(random, count * hidden, 100) : std::vector<double>();
    const std::vector<double> bounds = norm.frobenius_norms(a, b, count);
    for (std::size_t t = 0; t < count; ++t) {
      const Jacobian j = mlp.jacobian(std::span(a).subspan(t * hidden, hidden), gated ? std::span(b).subspan(t * hidden, hidden) : std::span<const double>());
      REQUIRE(bounds[t] >= j.frobenius() * (1 - 1e-12));
      REQUIRE(bounds[t] <= j.frobenius() * 1.02);
      ++tested;
    }
  }
  REQUIRE(tested == 5 * 19);
}

// Every entry is 1000.49 times a unit and rounded down: nothing averages out.
TEST_CASE("what rounding to integers takes is part of the Frobenius norm") {
  const std::size_t width = 576;
  const Mlp mlp{width, 1, width, std::vector<double>(width, 1000.49), std::vector<double>(width, 1000.49 / 1024), {}};
  const std::vector<double> a{1};
  const double exact = mlp.jacobian(a, {}).frobenius(), bound = Norms(mlp).norm.frobenius_norms(a, {}, 1)[0];
  REQUIRE(bound >= exact);
  REQUIRE(bound <= exact * 1.0001);
}

TEST_CASE("operator norms are above the power method's, alone and by references") {
  SplitMix64 random(2);
  const std::size_t out = 48, hidden = 96, in = 40, count = 40;
  for (const bool gated : {true, false}) {
    const Mlp mlp = random_mlp(random, out, hidden, in, gated);
    const Norms norms(mlp);
    const MlpNorm& norm = norms.norm;
    // Tokens that grow alike, after a few that do not.
    std::vector<double> a = numbers(random, count * hidden, 10), b = gated ? numbers(random, count * hidden, 10) : std::vector<double>();
    for (std::size_t t = 5; t < count; ++t)
      for (std::size_t k = 0; k < hidden; ++k) {
        a[t * hidden + k] = a[4 * hidden + k] + 0.02 * a[t * hidden + k];
        if (gated) b[t * hidden + k] = b[4 * hidden + k] + 0.02 * b[t * hidden + k];
      }
    std::vector<double> importance(count, 1);
    importance[0] = infinite_bound, importance[1] = 0, importance[2] = importance[3] = 0.01;
    const std::vector<double> bounds = norm.norms(a, b, importance), frobenius = norm.frobenius_norms(a, b, count);
    for (std::size_t t = 0; t < count; ++t) {
      const auto x = std::span<const double>(a).subspan(t * hidden, hidden), y = gated ? std::span<const double>(b).subspan(t * hidden, hidden) : std::span<const double>();
      const double exact = mlp.jacobian(x, y).norm(), alone = norm.operator_norm(x, y);
      REQUIRE(alone >= exact * (1 - 1e-12));
      REQUIRE(alone <= exact * 1.5);
      REQUIRE(bounds[t] >= exact * (1 - 1e-12));
      REQUIRE(bounds[t] <= frobenius[t]);
      if (t > 10) REQUIRE(bounds[t] < 0.75 * frobenius[t]);
    }
  }
}

TEST_CASE("norms do not depend on whether the Gram matrices are kept, and weights are as good as weighted matrices") {
  SplitMix64 random(4);
  const std::size_t out = 20, hidden = 50, in = 33, count = 24;
  for (const bool gated : {true, false}) {
    Mlp mlp = random_mlp(random, out, hidden, in, gated);
    const std::vector<double> a = numbers(random, count * hidden, 10), b = gated ? numbers(random, count * hidden, 10) : std::vector<double>(), importance(count, 1), weights = numbers(random, in, 3);
    const Norms kept(mlp), computed(mlp, 0), weighted(mlp, 0, weights);
    REQUIRE(kept.norm.bytes() > computed.norm.bytes());
    REQUIRE(kept.norm.norms(a, b, importance) == computed.norm.norms(a, b, importance));
    for (std::vector<double>* matrix : {&mlp.gate, &mlp.up})
      for (std::size_t i = 0; i < matrix->size(); ++i) (*matrix)[i] *= weights[i % in];
    REQUIRE(weighted.norm.norms(a, b, importance) == Norms(mlp).norm.norms(a, b, importance));
  }
}

TEST_CASE("norms are kept with the matrix, and computed again for other partners or weights") {
  SplitMix64 random(5);
  const Mlp mlp = random_mlp(random, 4, 6, 5, true);
  const DenseTensor down(4, 6, mlp.down);
  const TensorPtr gate = Norms::tensor(6, 5, mlp.gate), up = Norms::tensor(6, 5, mlp.up), other = Norms::tensor(6, 5, mlp.up);
  const std::vector<double> weights = numbers(random, 5, 1);
  const auto first = MlpNorm::of(down, gate, up, weights);
  REQUIRE(MlpNorm::of(down, gate, up, std::vector<double>(weights)) == first);
  REQUIRE(MlpNorm::of(down, gate, up, {})->gate_rows()[0] != first->gate_rows()[0]);
  REQUIRE(MlpNorm::of(down, gate, up, weights)->gate_rows()[0] == first->gate_rows()[0]);
  REQUIRE(MlpNorm::of(down, gate, other, weights) != first);
  REQUIRE(MlpNorm::of(down, up, gate, weights)->gate_rows()[0] == first->up_rows()[0]);
  const auto plain = MlpNorm::of(down, gate, up, {});
  REQUIRE(plain->gate_rows()[0] != first->gate_rows()[0]);
  REQUIRE(MlpNorm::of(down, gate, nullptr, {}) != plain);
}

TEST_CASE("what floats cannot hold gives an infinite bound") {
  SplitMix64 random(3);
  Mlp mlp = random_mlp(random, 4, 6, 4, true);
  std::vector<double> a = numbers(random, 6, 1), b = numbers(random, 6, 1);
  const Norms norms(mlp);
    const MlpNorm& norm = norms.norm;
  a[2] = 0x1p150;
  REQUIRE(norm.frobenius_norms(a, b, 1)[0] == infinite_bound);
  REQUIRE(norm.operator_norm(a, b) == infinite_bound);
  a[2] = 1;
  // Rows of very different sizes are scaled one by one.
  for (std::size_t m = 0; m < 4; ++m) mlp.gate[m] *= 0x1p90, mlp.up[4 + m] *= 0x1p-90;
  const Norms rescaled(mlp);
  const MlpNorm& uneven = rescaled.norm;
  const double exact = mlp.jacobian(a, b).frobenius();
  REQUIRE(uneven.frobenius_norms(a, b, 1)[0] >= exact);
  REQUIRE(uneven.frobenius_norms(a, b, 1)[0] <= exact * 1.02);
  REQUIRE(uneven.operator_norm(a, b) >= exact * 0.4);
  mlp.down[3] = NAN;
  REQUIRE(Norms(mlp).norm.norms(a, b, std::vector<double>{1.0})[0] == infinite_bound);
}
