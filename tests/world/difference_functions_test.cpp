// Differences of functions against the functions themselves at a much higher precision, over many sizes of x and d: containment for every point of the balls, and how
// many bits are left.
#include "lib/world/difference_functions.hpp"

#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long high = 1500;

// An exact number of some size: a signed 20-bit integer times a power of two.
Ball number(SplitMix64& random, long exponent) {
  Ball x;
  arb_set_si(x, static_cast<long>(random.below(1u << 20)) - (1l << 19));
  arb_mul_2exp_si(x, x, exponent - 20);
  return x;
}
// A ball around x that has x somewhere inside.
Ball around(SplitMix64& random, const Ball& x, long exponent) {
  Ball y = x, shift = number(random, exponent);
  arb_add(y, y, shift, ARF_PREC_EXACT);
  mag_set_ui_2exp_si(arb_radref(static_cast<arb_ptr>(y)), 1, exponent);
  return y;
}
double accurate(const Ball& x) { return arb_is_zero(x) ? INFINITY : static_cast<double>(arb_rel_accuracy_bits(x)); }

}  // namespace

TEST_CASE("differences of activations contain the exact ones and are as accurate as d") {
  SplitMix64 random(1);
  std::size_t tested = 0, sharp = 0;
  for (const Activation f : {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::relu, Activation::identity})
    for (int trial = 0; trial < 600; ++trial) {
      const long size = static_cast<long>(random.below(10)) - 5, step = -static_cast<long>(random.below(trial % 2 ? 8 : 400));
      const bool exact = trial % 3 != 0;
      const Ball x = number(random, size), d = number(random, step);
      Ball y, before, after, exactly, found;
      arb_add(y, x, d, ARF_PREC_EXACT);
      apply(f, before, x, high), apply(f, after, y, high);
      arb_sub(exactly, after, before, high);
      const Ball wide_x = exact ? x : around(random, x, size - 40), wide_y = exact ? y : around(random, y, size - 40), wide_d = exact ? d : around(random, d, step - 40);
      activation_difference(f, found, wide_x, wide_y, wide_d, 128);
      INFO("activation " << static_cast<int>(f) << " trial " << trial << " size " << size << " step " << step);
      REQUIRE(arb_is_finite(found));
      REQUIRE(arb_overlaps(found, exactly));
      ++tested;
      // The exact GELU's formula is one for small differences; its rest is d^2/60 of the density.
      if (exact && (f != Activation::gelu_exact || step < -40) && accurate(found) >= 60) ++sharp;
    }
  REQUIRE(tested == 3000);
  REQUIRE(sharp > 1500);
}

TEST_CASE("the rest of the normal distribution's difference is no larger than it must be") {
  // Phi(d) - Phi(-d) for x = -d, about 2 d phi(0): the ball must hold it for d as large as 1, where the rest is most of it.
  for (const double half : {1.0, 0.5, 0.25, 0.125}) {
    Ball x, y, d, before, after, exactly, found;
    arb_set_d(x, -half), arb_set_d(y, half), arb_set_d(d, 2 * half);
    apply(Activation::gelu_exact, before, x, high), apply(Activation::gelu_exact, after, y, high);
    arb_sub(exactly, after, before, high);
    activation_difference(Activation::gelu_exact, found, x, y, d, 128);
    REQUIRE(arb_contains(found, exactly));
  }
}

TEST_CASE("differences of soft-caps contain the exact ones and are as accurate as d") {
  SplitMix64 random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const double cap = trial % 2 ? 5 : 50;
    const Ball s = number(random, static_cast<long>(random.below(8)) - 3), d = number(random, -static_cast<long>(random.below(400)));
    Ball t, before, after, exactly, found;
    arb_add(t, s, d, ARF_PREC_EXACT);
    apply_softcap(before, s, cap, high), apply_softcap(after, t, cap, high);
    arb_sub(exactly, after, before, high);
    softcap_difference(found, s, d, cap, 128);
    REQUIRE(arb_overlaps(found, exactly));
    REQUIRE(accurate(found) >= 60);
  }
}

TEST_CASE("differences of norms contain the exact ones and are as accurate as d") {
  SplitMix64 random(3);
  constexpr std::size_t size = 7;
  for (int trial = 0; trial < 300; ++trial) {
    Norm norm;
    norm.kind = trial % 2 ? NormKind::layer : NormKind::rms, norm.epsilon = trial % 5 ? 1e-5 : 0.5;
    const long step = -static_cast<long>(random.below(400));
    BallVector x(size), y(size), d(size), weights(size), found(size);
    for (std::size_t i = 0; i < size; ++i) {
      const Ball a = number(random, 1), b = number(random, step), w = number(random, 0);
      arb_set(x[i], a), arb_set(d[i], b), arb_set(weights[i], w);
      arb_add(y[i], x[i], d[i], ARF_PREC_EXACT);
    }
    norm_difference(norm, found[0], 1, {x[0], 1}, {y[0], 1}, {d[0], 1}, {weights[0], 1}, size, 128);
    // The norm itself, from its definition.
    const auto normed = [&](const BallVector& v, std::size_t i, Ball& result) {
      Ball mean, square, centred, t;
      for (std::size_t j = 0; j < size; ++j) arb_add(mean, mean, v[j], high);
      arb_div_ui(mean, mean, size, high);
      if (norm.kind == NormKind::rms) arb_zero(mean);
      for (std::size_t j = 0; j < size; ++j) {
        arb_sub(t, v[j], mean, high);
        arb_addmul(square, t, t, high);
      }
      arb_div_ui(square, square, size, high);
      arb_set_d(t, norm.epsilon);
      arb_add(square, square, t, high);
      arb_rsqrt(square, square, high);
      arb_sub(centred, v[i], mean, high);
      arb_mul(result, centred, square, high);
      arb_mul(result, result, weights[i], high);
    };
    for (std::size_t i = 0; i < size; ++i) {
      Ball before, after, exactly;
      normed(x, i, before), normed(y, i, after);
      arb_sub(exactly, after, before, high);
      INFO("trial " << trial << " entry " << i);
      REQUIRE(arb_overlaps(found[i], exactly));
      REQUIRE(mag_cmp_2exp_si(arb_radref(found[i]), step - 100) < 0);
    }
  }
}
