// Vectors in fixed point, and products with exact matrices, against exact arithmetic; all paths give the same bits.
#include "lib/number/exact_product/fixed_product.hpp"

#include <cmath>

#include "tests/catch.hpp"
#include "tests/number/fixed_points.hpp"
#include "tests/number/random_balls.hpp"

namespace snellen {
namespace {

constexpr slong exact = ARF_PREC_EXACT;

std::vector<ProductPath> paths() { return available_of({ProductPath::sse2, ProductPath::avx2, ProductPath::avx512_fma, ProductPath::avx512, ProductPath::bytes, ProductPath::bytes_vnni, ProductPath::byte_tiles}); }

// Points within the columns' errors: the midpoints, and as far from them as they may be, along an axis or a diagonal.
BallMatrix point_of(const FixedColumns& columns, SplitMix64& random) {
  BallMatrix x = columns.midpoints();
  const double share = 0.999 / std::sqrt(static_cast<double>(x.rows()));
  for (std::size_t c = 0; c < x.columns(); ++c) {
    Ball radius, factor;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(radius)), columns.column(c).error.get());
    const std::uint64_t kind = random.below(3);
    const std::size_t axis = random.below(x.rows());
    if (kind == 1) arb_add(x(axis, c), x(axis, c), radius, exact);
    if (kind != 2) continue;
    arb_set_d(factor, share);
    arb_mul(radius, radius, factor, exact);
    for (std::size_t i = 0; i < x.rows(); ++i)
      if (random.below(2) == 0) arb_add(x(i, c), x(i, c), radius, exact);
      else arb_sub(x(i, c), x(i, c), radius, exact);
  }
  return x;
}

enum class Weights { narrow, wide, spread_scales, zeros };
TensorPtr random_weights(SplitMix64& random, std::size_t rows, std::size_t columns, Weights kind) {
  std::vector<double> values(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) {
    const int scale = kind == Weights::spread_scales ? static_cast<int>(random.below(60)) - 30 : 0;
    for (std::size_t k = 0; k < columns; ++k) {
      double& value = values[i * columns + k];
      value = kind == Weights::wide ? std::ldexp(std::floor(uniform(random) * 0x1p49), -49) : std::ldexp(std::floor(uniform(random) * 0x1p22), -22 + scale);
      if (random.below(50) == 0) value = random.below(2) == 0 ? std::ldexp(1.0, scale) - std::ldexp(1.0, scale - 22) : -value;
      if (kind == Weights::zeros && (i % 3 == 0 || random.below(2) == 0)) value = 0;
    }
  }
  return std::make_shared<DenseTensor>(rows, columns, std::move(values));
}

std::vector<Magnitude> norms_of_rows(const Tensor& matrix) {
  std::vector<Magnitude> result(matrix.rows());
  const BallMatrix entries = exact_balls(matrix, 0, matrix.rows());
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    for (std::size_t k = 0; k < matrix.columns(); ++k) result[i] += Magnitude::of(entries(i, k)) * Magnitude::of(entries(i, k));
    mag_sqrt(result[i].get(), result[i].get());
  }
  return result;
}

bool same_bits(const FixedColumns& x, const FixedColumns& y) {
  for (std::size_t c = 0; c < x.columns(); ++c) {
    if (x.column(c).top != y.column(c).top || !mag_equal(x.column(c).error.get(), y.column(c).error.get())) return false;
    if (!std::equal(x.group(c, 0), x.group(c, 0) + x.groups() * x.group_size(), y.group(c, 0))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("balls in fixed point: midpoints, doubles, norms and largest entries") {
  SplitMix64 random(11);
  std::size_t tested = 0;
  for (const Balls kind : all_balls)
    for (const std::size_t digits : {2, 5, 7}) {
      const BallMatrix x = random_balls(random, 21, 4, kind, 200);
      const auto columns = FixedColumns::of(x, digits);
      if (!columns) {
        REQUIRE((kind == Balls::tiny || kind == Balls::huge || kind == Balls::spread || kind == Balls::beyond || kind == Balls::not_finite));
        continue;
      }
      BallMatrix point(21, 4);
      for (std::size_t i = 0; i < 21; ++i)
        for (std::size_t c = 0; c < 4; ++c) random_point(random, point(i, c), x(i, c));
      std::vector<double> values(21);
      for (std::size_t c = 0; c < 4; ++c) {
        REQUIRE(holds(*columns, c, point, exact));
        columns->middles(c, values);
        Ball squares, t;
        for (std::size_t i = 0; i < 21; ++i) {
          arb_addmul(squares, point(i, c), point(i, c), exact);
          arb_set_d(t, values[i]);
          arb_sub(t, t, point(i, c), exact);
          Magnitude error = columns->middle_error(c), allowed;
          mag_set_d(allowed.get(), 0x1p-52 * std::fabs(values[i]));
          error += allowed;
          REQUIRE(arf_cmpabs_mag(arb_midref(static_cast<arb_srcptr>(t)), error.get()) <= 0);
          REQUIRE(arf_cmpabs_mag(arb_midref(static_cast<arb_srcptr>(point(i, c))), columns->largest(c).get()) <= 0);
          REQUIRE(arb_contains(columns->balls()(i, c), point(i, c)));
        }
        const Magnitude norm = columns->norm(c);
        arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), norm.get());
        arb_mul(t, t, t, exact);
        REQUIRE(arb_le(squares, t));
        ++tested;
      }
    }
  REQUIRE(tested >= 60);
}

TEST_CASE("what a product's sums lose of an exact vector is in its error") {
  SplitMix64 random(14);
  for (int trial = 0; trial < 20; ++trial) {
    const TensorPtr weights = random_weights(random, 9, 12, trial % 2 == 0 ? Weights::narrow : Weights::wide);
    auto x = FixedColumns::of(random_balls(random, 12, 1, Balls::exact_long, 200), 3);
    REQUIRE(x);
    x->column(0).error = Magnitude();
    const auto y = fixed_product(PreparedWeights(weights), norms_of_rows(*weights), *x, 400);
    REQUIRE(y);
    const BallMatrix point = x->midpoints(), matrix = exact_balls(*weights, 0, 9);
    BallMatrix z(9, 1);
    arb_mat_mul(z.get(), matrix.get(), point.get(), exact);
    REQUIRE(holds(*y, 0, z, exact));
  }
}

TEST_CASE("the fixed-point product contains the exact one, with the same bits on every path") {
  SplitMix64 random(12);
  std::size_t tested = 0;
  for (const Weights kind : {Weights::narrow, Weights::wide, Weights::spread_scales, Weights::zeros})
    for (const auto& [rows, in] : {std::pair<std::size_t, std::size_t>{1, 1}, {8, 16}, {33, 40}, {70, 9}, {5, 2100}})
      for (const long bits : {40L, 100L, 250L}) {
        INFO("kind " << static_cast<int>(kind) << ", " << rows << " x " << in << ", " << bits << " bits");
        const TensorPtr weights = random_weights(random, rows, in, kind);
        const PreparedWeights prepared(weights);
        const std::vector<Magnitude> norms = norms_of_rows(*weights);
        const Balls balls[] = {Balls::exact_long, Balls::outlier, Balls::zeros, Balls::spread, Balls::mixed_radii};
        BallMatrix entries = random_balls(random, in, 3, balls[random.below(5)], bits + 20);
        for (std::size_t c = 0; c < 3; ++c) random_ball(random, entries(random.below(in), c), Balls::last_bit, bits);  // whatever the others' exponents
        const auto x = FixedColumns::of(entries, static_cast<std::size_t>(bits) / 52 + 2);
        REQUIRE(x);
        const auto y = fixed_product(prepared, norms, *x, bits, ProductPath::portable);
        if (!y) {
          REQUIRE(prepared.tail_size() > 0);
          continue;
        }
        for (const ProductPath path : paths()) REQUIRE(same_bits(*y, *fixed_product(prepared, norms, *x, bits, path)));
        const BallMatrix point = point_of(*x, random), matrix = exact_balls(*weights, 0, rows);
        BallMatrix z(rows, 3);
        arb_mat_mul(z.get(), matrix.get(), point.get(), exact);
        for (std::size_t c = 0; c < 3; ++c) {
          REQUIRE(holds(*y, c, z, exact));
          // No more than what the inequality says: the errors at the last of `bits` bits of the largest entry.
          Magnitude frobenius, most;
          for (const Magnitude& norm : norms) frobenius += norm;
          most = frobenius * (x->column(c).error + x->largest(c) * two_to(6 - bits)) + two_to(-150);
          REQUIRE(y->column(c).error < shifted(most, 6));
          ++tested;
        }
      }
  REQUIRE(tested >= 120);
}

TEST_CASE("a column's first entries decide nothing alone: entries at the edges of digits") {
  SplitMix64 random(13);
  const TensorPtr weights = random_weights(random, 17, 24, Weights::narrow);
  const PreparedWeights prepared(weights);
  const std::vector<Magnitude> norms = norms_of_rows(*weights);
  const BallMatrix matrix = exact_balls(*weights, 0, 17);
  for (slong exponent = -130; exponent <= 0; ++exponent) {
    BallMatrix x(24, 2);
    for (std::size_t i = 0; i < 24; ++i)
      for (std::size_t c = 0; c < 2; ++c) {
        // Powers of two, one less, and their negatives.
        arb_set_si(x(i, c), random.below(2) == 0 ? 1 : -1);
        arb_mul_2exp_si(x(i, c), x(i, c), exponent + static_cast<slong>(random.below(3)));
        Ball small;
        arb_set_si(small, static_cast<slong>(random.below(3)) - 1);
        arb_mul_2exp_si(small, small, -150);
        arb_add(x(i, c), x(i, c), small, exact);
      }
    arb_set_si(x(0, 0), -1), arb_one(x(1, 1));
    const auto columns = FixedColumns::of(x, 4);
    REQUIRE(columns);
    const auto y = fixed_product(prepared, norms, *columns, 180);
    REQUIRE(y);
    BallMatrix z(17, 2);
    arb_mat_mul(z.get(), matrix.get(), x.get(), exact);
    for (std::size_t c = 0; c < 2; ++c) REQUIRE(holds(*y, c, z, exact));
  }
}

TEST_CASE("fixed-point products that have no form are refused") {
  SplitMix64 random(14);
  const auto x = FixedColumns::of(random_balls(random, 600, 1, Balls::exact_long, 100), 3);
  REQUIRE(x);
  std::vector<double> values(600, 0x1p-20);
  values[3] = 0x1p40;
  values[7] = 0x1p-60;
  const TensorPtr tail = std::make_shared<DenseTensor>(1, 600, values);
  const PreparedWeights with_tail(tail);
  if (with_tail.fits() && with_tail.tail_size() > 0) REQUIRE(!fixed_product(with_tail, norms_of_rows(*tail), *x, 80));
  values.assign(600, 0x1p100);
  const TensorPtr huge = std::make_shared<DenseTensor>(1, 600, values);
  REQUIRE(!fixed_product(PreparedWeights(huge), norms_of_rows(*huge), *x, 80));
}

}  // namespace snellen
