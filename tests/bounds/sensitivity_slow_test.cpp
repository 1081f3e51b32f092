// The bound without assumptions on a thousand random models, under attack, and how loose it is.
#include <algorithm>
#include <array>
#include <cmath>

#include "lib/model/synthetic.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/bounds/whole_jacobian.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// Kinds of models that differ in what the bound has a term for.
RandomModel description_of(std::uint64_t seed, std::size_t width, std::size_t layers) {
  RandomModel m;
  m.seed = seed, m.width = width, m.layers = layers, m.heads = seed % 3 == 0 ? 2 : 4, m.hidden = 2 * width, m.vocab = 12;
  m.position = std::array{PositionKind::rope, PositionKind::none, PositionKind::alibi, PositionKind::sinusoidal, PositionKind::learned}[seed % 5];
  m.context = 64;
  if (seed % 4 == 1) m.kv_heads = m.heads / 2;
  if (seed % 7 == 2) m.norm = NormKind::layer, m.bias = true;
  if (seed % 11 == 3) m.qk_norm = true;
  if (seed % 13 == 4) m.post_norms = true;
  if (seed % 17 == 5) m.softcap = 4;
  if (seed % 6 == 1) m.gated = false;
  m.activation = std::array{Activation::silu, Activation::gelu_tanh, Activation::gelu_exact}[seed % 3];
  m.gain = seed % 2 == 0 ? 2 : 1;
  return m;
}

std::vector<Token> random_tokens(SplitMix64& random, std::size_t count) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(static_cast<Token>(random.next() % 12));
  return tokens;
}

const Magnitude& bound_of(const Reach& reach, std::size_t i) { return reach.moving[(reach.tokens - 1) * reach.tokens + i]; }

// log(|J_{last,i}|_2 / bound): below zero as long as the bound holds. Lower end over upper end, so that nothing is lost where it does not.
double closeness(const std::vector<BallMatrix>& j, const Reach& reach, std::size_t i) {
  return std::log(matrix_norms(j[i], 128).two.upper.to_double(MPFR_RNDU)) - std::log(exact_bound(bound_of(reach, i)).to_double(MPFR_RNDD));
}

}  // namespace

TEST_CASE("a thousand random models: the bound holds for every token") {
  std::size_t tested = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    INFO("seed " << seed);
    SplitMix64 random(seed);
    const std::vector<Token> tokens = random_tokens(random, 3 + seed % 4);
    Reach reach;
    const std::vector<BallMatrix> j = whole_jacobian(synthetic_model(description_of(seed, 8, 1 + seed % 3)), tokens, 160, &reach);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      REQUIRE(bound_of(reach, i).is_finite());
      const Enclosure two = matrix_norms(j[i], 128).two;
      REQUIRE(two.upper <= exact_bound(bound_of(reach, i)));
      REQUIRE(accurate_bits(matrix_norms(j[i], 128).frobenius, magnitude(two)) >= 30);
      ++tested;
    }
  }
  REQUIRE(tested >= 1000 * 3);
}

TEST_CASE("attacked by gradient ascent on the input, the bound holds") {
  std::size_t attacks = 0, evaluations = 0;
  double gained = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    const Model model = synthetic_model(description_of(seed, 8, 2));
    SplitMix64 random(seed);
    const std::vector<Token> tokens = random_tokens(random, 4);
    const SequenceTree tree(tokens);
    const std::size_t i = seed % tokens.size();
    std::vector<double> x(model.width * tokens.size());
    for (double& entry : x) entry = static_cast<double>(static_cast<std::int64_t>(random.next() >> 43)) * 0x1p-20 - 1;
    const auto value = [&](const std::vector<double>& at) {
      Reach reach;
      const std::vector<BallMatrix> j = jacobian_at(model, tree.columns(), at, 160, &reach);
      for (std::size_t t = 0; t < tokens.size(); ++t) REQUIRE(matrix_norms(j[t], 128).two.upper <= exact_bound(bound_of(reach, t)));
      ++evaluations;
      return closeness(j, reach, i);
    };
    // Gradient ascent with the gradient along random directions of signs (Spall 1992); steps that lose are halved.
    double best = value(x), step = 0.25;
    const double start = best;
    for (int round = 0; round < 12; ++round) {
      std::vector<double> direction(x.size()), up = x, down = x;
      for (std::size_t e = 0; e < x.size(); ++e) {
        direction[e] = random.next() % 2 == 0 ? 1 : -1;
        up[e] += 0x1p-8 * direction[e], down[e] -= 0x1p-8 * direction[e];
      }
      const double slope = value(up) - value(down);
      std::vector<double> next = x;
      for (std::size_t e = 0; e < x.size(); ++e) next[e] += (slope > 0 ? step : -step) * direction[e];
      const double there = value(next);
      if (there > best) x = next, best = there;
      else step /= 2;
    }
    gained += best - start;
    ++attacks;
  }
  REQUIRE(attacks == 30);
  REQUIRE(evaluations == 30 * 37);
  REQUIRE(gained > 1);  // the attacks do come closer: they are attacks
}

TEST_CASE("at two layers of width 32 the bound is within a thousand times the norm in the median") {
  std::vector<double> factors;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SplitMix64 random(seed);
    const std::vector<Token> tokens = random_tokens(random, 16);
    RandomModel description = description_of(seed, 32, 2);
    description.gain = 2;
    Reach reach;
    const std::vector<BallMatrix> j = whole_jacobian(synthetic_model(description), tokens, 160, &reach);
    for (std::size_t i = 0; i < tokens.size(); ++i) factors.push_back(std::exp(-closeness(j, reach, i)));
  }
  std::sort(factors.begin(), factors.end());
  REQUIRE(factors.size() == 60 * 16);
  WARN("times the norm: median " << factors[factors.size() / 2] << ", nine of ten below " << factors[factors.size() * 9 / 10] << ", worst " << factors.back());
  REQUIRE(factors[factors.size() / 2] <= 1000);
}
