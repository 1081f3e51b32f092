// Norms, activations, products and rotations in fixed point against balls at higher precision, at points within the columns' errors.
#include "lib/world/fixed_functions.hpp"

#include <cmath>

#include "lib/number/exact_product/fixed_product.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/fixed_rotation.hpp"
#include "tests/catch.hpp"
#include "tests/number/fixed_points.hpp"
#include "tests/number/random_balls.hpp"

namespace snellen {
namespace {

constexpr long high = 900;

std::vector<ProductPath> paths() { return available_of({ProductPath::portable, ProductPath::avx512_fma, ProductPath::avx512}); }

// log2 of error / largest entry: how many bits are left.
double lost(const FixedColumns& columns, std::size_t c) { return columns.column(c).error.log2() - columns.largest(c).log2(); }

// A point at the rim of a column's error.
BallMatrix point_of(const FixedColumns& columns, SplitMix64& random) {
  BallMatrix x = columns.midpoints();
  for (std::size_t c = 0; c < x.columns(); ++c) {
    Ball radius;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(radius)), columns.column(c).error.get());
    const std::size_t axis = random.below(x.rows());
    if (random.below(2) == 0) arb_add(x(axis, c), x(axis, c), radius, ARF_PREC_EXACT);
    else arb_sub(x(axis, c), x(axis, c), radius, ARF_PREC_EXACT);
  }
  return x;
}

FixedColumns random_columns(SplitMix64& random, std::size_t rows, std::size_t columns, std::size_t digits, slong scale) {
  BallMatrix x(rows, columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      random_midpoint(random, x(i, c), 300);
      switch (random.below(8)) {
        case 0: arb_mul_2exp_si(x(i, c), x(i, c), -static_cast<slong>(random.below(300))); break;
        case 1: arb_zero(x(i, c)); break;
        case 2: arb_set_si(x(i, c), random.below(2) == 0 ? 1 : -1); break;
        default: break;
      }
      arb_mul_2exp_si(x(i, c), x(i, c), scale);
    }
  auto made = FixedColumns::of(x, digits);
  REQUIRE(made);
  // Errors of every size, from the last bit up.
  for (std::size_t c = 0; c < columns; ++c) made->column(c).error += two_to(scale - static_cast<slong>(random.below(digits * 52)));
  return std::move(*made);
}

bool same_bits(const FixedColumns& x, const FixedColumns& y) {
  for (std::size_t c = 0; c < x.columns(); ++c)
    if (x.column(c).top != y.column(c).top || !mag_equal(x.column(c).error.get(), y.column(c).error.get()) ||
        !std::equal(x.group(c, 0), x.group(c, 0) + x.groups() * x.group_size(), y.group(c, 0)))
      return false;
  return true;
}

TensorPtr random_row(SplitMix64& random, std::size_t size, double around) {
  std::vector<double> values(size);
  for (double& value : values) value = around + uniform(random);
  values[0] = -values[0];
  return std::make_shared<DenseTensor>(1, size, values);
}

}  // namespace

TEST_CASE("silu in fixed point contains the exact one") {
  SplitMix64 random(21);
  const BallWorld world(high);
  std::size_t tested = 0;
  for (const std::size_t digits : {2, 3, 6, 8})
    for (slong scale = -40; scale <= 9; scale += scale < -8 ? 16 : 1) {
      INFO("digits " << digits << ", scale " << scale);
      const FixedColumns x = random_columns(random, 19, 3, digits, scale);
      const auto y = fixed_activation(Activation::silu, x);
      if (!y) {
        REQUIRE(scale >= 8);
        continue;
      }
      for (const ProductPath path : paths()) REQUIRE(same_bits(*y, *fixed_activation(Activation::silu, x, path)));
      for (int trial = 0; trial < 2; ++trial) {
        const BallMatrix exact = world.activate(Activation::silu, trial == 0 ? x.midpoints() : point_of(x, random));
        for (std::size_t c = 0; c < 3; ++c, ++tested) REQUIRE(holds(*y, c, exact, high));
      }
      for (std::size_t c = 0; c < 3; ++c)
        REQUIRE(y->column(c).error < x.column(c).error * Magnitude::of(2ul) + two_to(x.column(c).top + 20 - 52 * static_cast<slong>(digits)));
    }
  REQUIRE(tested >= 250);
  REQUIRE(!fixed_activation(Activation::gelu_exact, random_columns(random, 3, 1, 4, 0)));
  REQUIRE(!fixed_activation(Activation::silu, random_columns(random, 3, 1, 4, 12)));
}

// Found on 28 November by reading: numbers far below what their column has room for (a row of weights that cancel made that room) were reduced by their two highest digits alone, which did not reach
// them: the next multiple of log 2 could be taken.
TEST_CASE("silu of numbers far below their column's top") {
  BallMatrix ones(2, 1);
  arb_one(ones(0, 0)), arb_one(ones(1, 0));
  for (const int room : {36, 80}) {
    std::vector<double> weights = {std::ldexp(1.0, room), -std::ldexp(1.0, room)};
    for (int k = 1; k <= 40; ++k)
      for (int j = -8; j <= 8; ++j) weights.insert(weights.end(), {std::ldexp(std::round(std::ldexp(k * 0.6931471805599453 + j * 0x1p-25, 40)), -40), 0.0});
    const DenseTensor matrix(weights.size() / 2, 2, weights);
    std::vector<Magnitude> norms(matrix.rows(), two_to(6));
    norms[0] = two_to(room + 1);
    for (const std::size_t digits : {3, 4, 6}) {
      const auto x = FixedColumns::of(ones, digits);
      REQUIRE(x);
      const auto y = fixed_product(*PreparedWeights::of(matrix), norms, *x, static_cast<long>(digits) * 52 - 60);
      REQUIRE(y);
      REQUIRE(y->column(0).top > room);
      const auto z = fixed_activation(Activation::silu, *y);
      REQUIRE(z.has_value() == (room == 36));
      if (z) REQUIRE(holds(*z, 0, BallWorld(high).activate(Activation::silu, y->midpoints()), high));
    }
  }
}

TEST_CASE("products of entries in fixed point contain the exact ones") {
  SplitMix64 random(22);
  const BallWorld world(high);
  for (const std::size_t digits : {2, 5, 7})
    for (int trial = 0; trial < 30; ++trial) {
      const auto scale = [&] { return static_cast<slong>(random.below(40)) - 20; };
      const FixedColumns x = random_columns(random, 13, 2, digits, scale()), y = random_columns(random, 13, 2, digits, scale());
      const auto z = fixed_multiply(x, y);
      REQUIRE(z);
      for (const ProductPath path : paths()) REQUIRE(same_bits(*z, *fixed_multiply(x, y, path)));
      const BallMatrix exact = world.multiply(point_of(x, random), point_of(y, random));
      for (std::size_t c = 0; c < 2; ++c) REQUIRE(holds(*z, c, exact, high));
    }
}

TEST_CASE("norms in fixed point contain the exact ones") {
  SplitMix64 random(23);
  const BallWorld world(high);
  std::size_t tested = 0;
  for (const NormKind kind : {NormKind::rms, NormKind::layer})
    for (const bool unit_offset : {false, true})
      for (const long bits : {64L, 150L, 320L})
        for (const Balls balls : {Balls::exact_long, Balls::exact_doubles, Balls::outlier, Balls::zeros, Balls::last_bit}) {
          INFO("kind " << static_cast<int>(kind) << ", " << bits << " bits, balls " << static_cast<int>(balls));
          Norm n;
          n.kind = kind, n.epsilon = 1e-5, n.unit_offset = unit_offset;
          n.weight = random.below(4) == 0 && !unit_offset ? nullptr : random_row(random, 19, 0.5);
          BallMatrix x = random_balls(random, 19, 3, balls, bits);
          const auto y = fixed_norm(n, x, bits);
          REQUIRE(y);
          for (const ProductPath path : paths()) REQUIRE(same_bits(*y, *fixed_norm(n, x, bits, path)));
          for (std::size_t i = 0; i < 19; ++i)
            for (std::size_t c = 0; c < 3; ++c) arb_get_mid_arb(x(i, c), x(i, c));
          const BallMatrix exact = world.norm(n, x, 1);
          for (std::size_t c = 0; c < 3; ++c) {
            REQUIRE(holds(*y, c, exact, high));
            if (balls == Balls::exact_long) REQUIRE(lost(*y, c) < static_cast<double>(-bits));
            ++tested;
          }
        }
  REQUIRE(tested >= 150);
  Norm biased;
  biased.bias = random_row(random, 19, 0.5);
  REQUIRE(!fixed_norm(biased, random_balls(random, 19, 1, Balls::exact_long, 100), 100));
}

TEST_CASE("rotations in fixed point contain the exact ones") {
  SplitMix64 random(24);
  const BallWorld world(high);
  FixedRotations rotations;
  const Rotary rotary{10000, 16};
  std::vector<Column> columns(3);
  columns[0].position = 0, columns[1].position = 5, columns[2].position = 123456;
  for (const std::size_t digits : {6, 3, 7}) {
    const FixedColumns x = random_columns(random, 32, 3, digits, static_cast<slong>(random.below(20)) - 10);
    const auto y = rotations.rotate(x, rotary, 2, columns);
    REQUIRE(y);
    for (const ProductPath path : paths()) REQUIRE(same_bits(*y, *rotations.rotate(x, rotary, 2, columns, path)));
    for (int trial = 0; trial < 4; ++trial) {
      const BallMatrix exact = world.rotate(point_of(x, random), rotary, 2, columns);
      for (std::size_t c = 0; c < 3; ++c) {
        REQUIRE(holds(*y, c, exact, high));
        REQUIRE(y->column(c).error < x.column(c).error * Magnitude::of(2ul) + two_to(x.column(c).top + 12 - 52 * static_cast<slong>(digits)));
      }
    }
  }
  const FixedColumns x = random_columns(random, 24, 3, 3, 0);
  REQUIRE(!rotations.rotate(x, {10000, 8}, 2, columns));
  REQUIRE(!rotations.rotate(x, {10000, 12}, 2, columns));
}

}  // namespace snellen
