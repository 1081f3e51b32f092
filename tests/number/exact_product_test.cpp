// The exact product against oracles that share no code with it: FLINT's arb_mat_mul, and exact dot products of integers (fmpq).
#include "lib/number/exact_product/exact_product.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"
#include "tests/number/fixed_points.hpp"
#include "tests/number/random_balls.hpp"
#include "tests/threads.hpp"

namespace snellen {
namespace {

// ---- Weights biased to corners ------------------------------------------------------------------------------------------

enum class Weights { bf16, fp32, fp16, spread, outliers, zeros, bf16_extremes, fp32_extremes, ones, doubles };
constexpr Weights all_weights[] = {Weights::bf16,  Weights::fp32,          Weights::fp16,          Weights::spread, Weights::outliers,
                                   Weights::zeros, Weights::bf16_extremes, Weights::fp32_extremes, Weights::ones,   Weights::doubles};

double to_fp32(double value) { return static_cast<float>(value); }
double to_bf16(double value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) & 0xffff0000u);
}
// Any finite pattern of bits of an fp32 (bf16: the upper 16 of them), subnormals and both ends of the range included.
double any_pattern(SplitMix64& random, std::uint32_t mask) {
  for (;;) {
    std::uint32_t word = static_cast<std::uint32_t>(random.next()) & mask;
    switch (random.below(8)) {
      case 0: word &= 0x807fffffu; break;                                       // zero and subnormals
      case 1: word = (word & 0x80000000u) | (0x7f7fffffu & mask); break;        // the largest
      case 2: word = (word & 0x80000000u) | (mask & (~mask + 1)); break;        // the smallest
    }
    const float value = std::bit_cast<float>(word);
    if (std::isfinite(value)) return value;
  }
}

double random_weight(SplitMix64& random, Weights kind) {
  switch (kind) {
    case Weights::bf16: return to_bf16(uniform(random) / 8);
    case Weights::fp32: return to_fp32(uniform(random) / 8);
    case Weights::fp16: return std::ldexp(std::nearbyint(std::ldexp(uniform(random), 11)), -14);
    case Weights::spread: return to_fp32(std::ldexp(uniform(random), -static_cast<int>(random.below(24))));
    case Weights::outliers: {
      const int exponent = random.below(300) == 0 ? 20 - static_cast<int>(random.below(100)) : 0;
      return to_bf16(std::ldexp(uniform(random), exponent));
    }
    case Weights::zeros: return random.below(8) == 0 ? to_bf16(uniform(random)) : 0.0;
    case Weights::bf16_extremes: return any_pattern(random, 0xffff0000u);
    case Weights::fp32_extremes: return any_pattern(random, 0xffffffffu);
    case Weights::ones: return random.below(2) == 0 ? 1 : -1;
    case Weights::doubles: return uniform(random);
  }
  return 0;
}

TensorPtr random_tensor(SplitMix64& random, std::size_t rows, std::size_t columns, Weights kind) {
  std::vector<double> values(rows * columns);
  for (double& value : values) value = random_weight(random, kind);
  return std::make_shared<DenseTensor>(rows, columns, std::move(values));
}

// ---- Oracles --------------------------------------------------------------------------------------------------------------

BallMatrix flint_product(const Tensor& weights, const BallMatrix& x, long bits) {
  BallMatrix y(weights.rows(), x.columns());
  arb_mat_mul(y.get(), exact_balls(weights, 0, weights.rows()).get(), x.get(), bits);
  return y;
}

bool same_bits(const BallMatrix& a, const BallMatrix& b) {
  if (a.rows() != b.rows() || a.columns() != b.columns()) return false;
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < a.columns(); ++j)
      if (!arb_equal(a(i, j), b(i, j)) && !(arf_is_nan(arb_midref(a(i, j))) && arf_is_nan(arb_midref(b(i, j))))) return false;
  return true;
}

std::vector<ProductPath> paths() {
  return available_of({ProductPath::portable, ProductPath::sse2, ProductPath::avx2, ProductPath::avx512_fma, ProductPath::avx512, ProductPath::residues, ProductPath::residues_avx2,
                       ProductPath::residues_avx512, ProductPath::bytes, ProductPath::bytes_vnni, ProductPath::byte_tiles});
}

// The exact value of sum_k W_ik p_k.
void exact_dot(arf_t sum, std::span<const double> weights, const std::vector<Ball>& points) {
  arf_t w, term;
  arf_init(w), arf_init(term);
  arf_zero(sum);
  for (std::size_t k = 0; k < weights.size(); ++k) {
    arf_set_d(w, weights[k]);
    arf_mul(term, w, arb_midref(static_cast<arb_srcptr>(points[k])), ARF_PREC_EXACT, ARF_RND_DOWN);
    arf_add(sum, sum, term, ARF_PREC_EXACT, ARF_RND_DOWN);
  }
  arf_clear(w), arf_clear(term);
}

struct Shape {
  std::size_t rows, width, columns;
};
constexpr Shape shapes[] = {{1, 1, 1}, {1, 70, 1}, {33, 1, 3}, {8, 8, 8}, {9, 33, 5}, {31, 65, 2}, {40, 130, 1}, {67, 100, 7}};

}  // namespace

TEST_CASE("every path gives the same bits, which overlap FLINT's product and contain the product of random points") {
  SplitMix64 random(11);
  const auto tested_paths = paths();
  std::size_t products = 0, entries = 0, points = 0, by_integers = 0;
  for (Weights kind : all_weights)
    for (Balls ball_kind : all_balls)
      for (long bits : {24l, 128l, 200l, 384l}) {
        const Shape shape = shapes[random.below(std::size(shapes))];
        const TensorPtr tensor = random_tensor(random, shape.rows, shape.width, kind);
        const BallMatrix x = random_balls(random, shape.width, shape.columns, ball_kind, bits);
        const PreparedWeights weights(tensor);
        const FixedPointBlock block(x, bits);
        const BallMatrix y = exact_product(weights, block, bits, ProductPath::portable);
        for (ProductPath path : tested_paths) REQUIRE(same_bits(y, exact_product(weights, block, bits, path)));

        const BallMatrix oracle = flint_product(*tensor, x, bits), finer = flint_product(*tensor, x, 4 * bits);
        std::vector<double> row(shape.width);
        for (std::size_t i = 0; i < shape.rows; ++i) {
          tensor->read_row(i, row);
          for (std::size_t j = 0; j < shape.columns; ++j, ++entries) {
            INFO("weights " << static_cast<int>(kind) << " balls " << static_cast<int>(ball_kind) << " bits " << bits);
            INFO("at " << i << ", " << j);
            REQUIRE(arb_overlaps(y(i, j), oracle(i, j)));
            REQUIRE(arb_overlaps(y(i, j), finer(i, j)));
            const bool tiny = shape.rows * shape.width * shape.columns <= PreparedWeights::few;
            if (tiny || !weights.fits() || !block.column(j).fits) continue;
            REQUIRE(arb_is_finite(y(i, j)));
            REQUIRE(arf_bits(arb_midref(y(i, j))) <= bits);
            ++by_integers;
            if (random.below(4) != 0) continue;
            std::vector<Ball> inside(shape.width);
            for (std::size_t k = 0; k < shape.width; ++k) random_point(random, inside[k], x(k, j));
            arf_t exact;
            arf_init(exact);
            exact_dot(exact, row, inside);
            REQUIRE(arb_contains_arf(y(i, j), exact));
            arf_clear(exact);
            ++points;
          }
        }
        ++products;
      }
  CHECK(tested_paths.size() >= 1);
  CHECK(products == std::size(all_weights) * std::size(all_balls) * 4);
  CHECK(entries > 30000);
  CHECK(by_integers > 15000);
  CHECK(points > 3000);
}

TEST_CASE("the ends of a ball are reached: the worst signs of every error stay inside") {
  // y at x_k = mid + sign(W_ik) rad is the upper end exactly; only an enclosure that counts every radius contains it, and the
  // lower end.
  SplitMix64 random(12);
  std::size_t tested = 0;
  for (Weights kind : {Weights::bf16, Weights::fp32, Weights::outliers, Weights::spread})
    for (Balls ball_kind : {Balls::last_bit, Balls::wide, Balls::mixed_radii, Balls::outlier, Balls::spread, Balls::radii_only}) {
      const TensorPtr tensor = random_tensor(random, 24, 90, kind);
      const BallMatrix x = random_balls(random, 90, 3, ball_kind, 128);
      const BallMatrix y = exact_product(PreparedWeights(tensor), x, 128);
      std::vector<double> row(90);
      arf_t exact;
      arf_init(exact);
      for (std::size_t i = 0; i < 24; ++i) {
        tensor->read_row(i, row);
        for (std::size_t j = 0; j < 3; ++j)
          for (int end : {-1, 1}) {
            std::vector<Ball> points(90);
            for (std::size_t k = 0; k < 90; ++k) {
              arb_srcptr ball = x(k, j);
              arb_ptr point = points[k];
              arf_set_mag(exact, arb_radref(ball));
              if ((row[k] < 0) != (end < 0)) arf_neg(exact, exact);
              arf_add(arb_midref(point), arb_midref(ball), exact, ARF_PREC_EXACT, ARF_RND_DOWN);
            }
            exact_dot(exact, row, points);
            REQUIRE(arb_contains_arf(y(i, j), exact));
            ++tested;
          }
      }
      arf_clear(exact);
    }
  CHECK(tested == 4 * 6 * 24 * 3 * 2);
}

TEST_CASE("radii are at most four times FLINT's") {
  SplitMix64 random(13);
  std::size_t compared = 0;
  double worst = 0;
  for (Weights kind : {Weights::bf16, Weights::fp32, Weights::fp16, Weights::outliers, Weights::zeros, Weights::ones})
    for (Balls ball_kind : {Balls::last_bit, Balls::exact_doubles, Balls::wide, Balls::mixed_radii, Balls::outlier, Balls::tiny,
                            Balls::huge, Balls::radii_only})
      for (long bits : {64l, 128l, 384l}) {
        const TensorPtr tensor = random_tensor(random, 40, 200, kind);
        const BallMatrix x = random_balls(random, 200, 4, ball_kind, bits);
        const BallMatrix y = exact_product(PreparedWeights(tensor), x, bits), oracle = flint_product(*tensor, x, bits);
        for (std::size_t i = 0; i < 40; ++i)
          for (std::size_t j = 0; j < 4; ++j, ++compared) {
            mag_srcptr ours = arb_radref(y(i, j)), theirs = arb_radref(oracle(i, j));
            if (mag_is_zero(ours)) continue;
            INFO("weights " << static_cast<int>(kind) << " balls " << static_cast<int>(ball_kind) << " bits " << bits);
            REQUIRE(!mag_is_zero(theirs));
            mag_t ratio;
            mag_init(ratio);
            mag_div(ratio, ours, theirs);
            const double r = mag_get_d(ratio);
            mag_clear(ratio);
            worst = std::max(worst, r);
            REQUIRE(r <= 4);
          }
      }
  INFO("the widest is " << worst << " times FLINT's");
  CHECK(compared == 6 * 8 * 3 * 40 * 4);
  CHECK(worst > 0.4);
  CHECK(worst < 1.2);  // as measured: 1.112
}

TEST_CASE("products longer than a lane's sum, and empty ones") {
  SplitMix64 random(14);
  std::size_t tested = 0;
  for (Weights kind : {Weights::bf16, Weights::fp32, Weights::ones})
    for (std::size_t width : {2047, 2048, 2049, 5000}) {
      // The largest digits and weights of one sign: sums as long as they get.
      std::vector<double> values(9 * width, kind == Weights::bf16 ? 0x1.fep-1 : kind == Weights::fp32 ? 0x1.fffffep-1 : -1.0);
      values[0] = kind == Weights::fp32 ? 0x1p-26 : 0x1p-14;
      const TensorPtr tensor = std::make_shared<DenseTensor>(9, width, std::move(values));
      BallMatrix x(width, 2);
      for (std::size_t k = 0; k < width; ++k)
        for (std::size_t j = 0; j < 2; ++j) {
          arb_one(x(k, j));
          arb_mul_2exp_si(x(k, j), x(k, j), 135);
          arb_sub_ui(x(k, j), x(k, j), 1, ARF_PREC_EXACT);  // 135 ones
          if (j == 1) arb_neg(x(k, j), x(k, j));
        }
      const PreparedWeights weights(tensor);
      const BallMatrix oracle = flint_product(*tensor, x, 1000);  // exact
      for (ProductPath path : paths()) {
        const BallMatrix y = exact_product(weights, x, 1000, path);
        REQUIRE(same_bits(y, oracle));
        ++tested;
      }
    }
  CHECK(tested == 12 * paths().size());

  for (const Shape& shape : {Shape{0, 5, 3}, Shape{4, 0, 3}, Shape{4, 5, 0}, Shape{0, 0, 0}}) {
    const PreparedWeights weights(random_tensor(random, shape.rows, shape.width, Weights::bf16));
    const BallMatrix y = exact_product(weights, BallMatrix(shape.width, shape.columns), 128);
    REQUIRE(y.rows() == shape.rows);
    REQUIRE(y.columns() == shape.columns);
    for (std::size_t i = 0; i < y.rows(); ++i)
      for (std::size_t j = 0; j < y.columns(); ++j) REQUIRE(arb_is_zero(y(i, j)));
  }
}

TEST_CASE("the largest and the smallest integers, and more bits than there are moduli") {
  // Weights and midpoints of the most bits with every sign, so that sums reach both ends of what the moduli can tell apart, and 0 between.
  SplitMix64 random(17);
  std::size_t tested = 0;
  for (double largest : {0x1.fffffcp22, 0x1.ffffffffffffp49})  // 2^23 - 1, 2^50 - 1 in units of 1: narrow, wide
    for (std::size_t width : {1, 255, 256, 257, 600})
      for (long bits : {1, 23, 24, 25, 300, 1300, 1500}) {
        const std::size_t rows = 520 / width + 33, columns = 11;
        std::vector<double> values(rows * width);
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t k = 0; k < width; ++k)
            values[i * width + k] = i == 0 ? largest : i == 1 ? -largest : i == 2 ? 0 : random.below(2) == 0 ? largest : i % 3 == 0 ? 1 : -largest;
        BallMatrix x(width, columns);
        for (std::size_t k = 0; k < width; ++k)
          for (std::size_t j = 0; j < columns; ++j) {
            arb_ptr entry = x(k, j);
            arb_one(entry);
            arb_mul_2exp_si(entry, entry, bits);
            arb_sub_ui(entry, entry, 1, ARF_PREC_EXACT);
            if (j == 0) continue;
            if (j == 1 || random.below(2) == 0) arb_neg(entry, entry);
            if (j == 3) arb_zero(entry);
            if (j == 4) arb_mul_2exp_si(entry, entry, static_cast<slong>(1) << 39);  // a huge exponent
            if (j == 5) arb_set_si(entry, k % 2 == 0 ? 1 : -1);
            if (j == 6) mag_set_ui_2exp_si(arb_radref(entry), 3, -5);
            if (j == 7 && k == 0) arb_indeterminate(entry);
            if (j == 8 && k == 0) arb_pos_inf(entry);
            if (j == 9 && k + 1 == width) mag_inf(arb_radref(entry));
          }
        const TensorPtr tensor = std::make_shared<DenseTensor>(rows, width, std::move(values));
        const PreparedWeights weights(tensor);
        REQUIRE(weights.fits());
        REQUIRE(weights.width() == (largest < 0x1p23 ? WeightWidth::narrow : WeightWidth::wide));
        const BallMatrix oracle = flint_product(*tensor, x, 4000), y = exact_product(weights, x, 4000, ProductPath::portable);
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j : {0, 1, 2, 3, 4, 5}) REQUIRE(arb_equal(y(i, j), oracle(i, j)));
        // One ball without bounds in a column: only weights of zero, those of row 2, may keep it from the row's sum.
        for (std::size_t j : {7, 8, 9})
          for (std::size_t i = 0; i < rows; ++i) {
            if (i != 2) REQUIRE_FALSE(arb_is_finite(y(i, j)));
            if (!arb_is_finite(oracle(i, j))) REQUIRE_FALSE(arb_is_finite(y(i, j)));
          }
        for (ProductPath path : paths()) {
          REQUIRE(same_bits(y, exact_product(weights, x, 4000, path)));
          ++tested;
        }
      }
  CHECK(tested == 2 * 5 * 7 * paths().size());
}

TEST_CASE("bytes: as many columns as their sums have room for, and one more, with the largest digits of either sign") {
  SplitMix64 random(23);
  std::size_t tested = 0;
  for (const std::size_t width : {most_byte_columns, most_byte_columns + 1})
    for (const double largest : {127.0, 0x7f7f.0p0, 0x7f7f7f.0p0, 0x7fffff.0p0}) {  // one to four signed bytes
      std::vector<double> values(17 * width, largest);
      for (std::size_t k = 0; k < width; ++k) values[width + k] = -largest, values[2 * width + k] = k % 2 == 0 ? largest : -largest;
      values[16 * width] = 1;
      const PreparedWeights weights(std::make_shared<DenseTensor>(17, width, std::move(values)));
      REQUIRE(weights.fits());
      REQUIRE(weights.width() == WeightWidth::narrow);
      REQUIRE(ByteWeights::serves(weights) == (width == most_byte_columns));
      if (ByteWeights::serves(weights)) REQUIRE(ByteWeights(weights).digits() == (largest == 127 ? 1 : largest == 0x7f7f ? 2 : largest == 0x7f7f7f ? 3 : 4));
      // -128 (1 + 256 + ... + 256^16), whose digits are all -128; digits of 127; both signs in turn; some of each.
      BallMatrix x(width, 4);
      for (std::size_t k = 0; k < width; ++k)
        for (std::size_t j = 0; j < 4; ++j) {
          arb_ptr entry = x(k, j);
          const bool negative = j == 0 || (j == 2 && k % 2 == 0) || (j == 3 && random.below(2) == 0);
          for (int p = 0; p < 17; ++p) arb_mul_2exp_si(entry, entry, 8), arb_add_si(entry, entry, negative ? -128 : 127, ARF_PREC_EXACT);
        }
      const BallMatrix y = exact_product(weights, x, 400, ProductPath::portable);
      for (ProductPath path : paths()) {
        REQUIRE(same_bits(y, exact_product(weights, x, 400, path)));
        ++tested;
      }
    }
  CHECK(tested == 8 * paths().size());
}

TEST_CASE("sums that end in limbs of zeros, of either sign") {
  // The first entry of a vector, which the last row alone sees, makes its grid fine; other rows' sums are few bits far above that.
  std::size_t tested = 0;
  for (const long low : {70l, 128l, 200l, 300l}) {
    constexpr std::size_t rows = 9, width = 80;  // more weights than FLINT's product is asked for
    static_assert(rows * width > PreparedWeights::few);
    std::vector<double> values(rows * width, 0.0);
    for (std::size_t i = 0; i < rows; ++i) values[i * width + 1] = static_cast<double>(i) - 4, values[i * width + 2] = 0.5;
    values[8 * width] = 1;
    const auto tensor = std::make_shared<DenseTensor>(rows, width, std::move(values));
    BallMatrix x(width, 5);
    for (std::size_t j = 0; j < 5; ++j) {
      arb_set_si(x(0, j), 1), arb_mul_2exp_si(x(0, j), x(0, j), -low);
      arb_set_si(x(1, j), static_cast<slong>(j) - 2), arb_set_si(x(2, j), j % 2 == 0 ? -6 : 4);
    }
    const PreparedWeights weights(tensor);
    const BallMatrix oracle = flint_product(*tensor, x, 1000);  // exact
    for (ProductPath path : paths()) {
      REQUIRE(same_bits(oracle, exact_product(weights, x, 1000, path)));
      ++tested;
    }
  }
  REQUIRE(tested >= 4);
}

TEST_CASE("balls' midpoints as doubles are those that FLINT rounds to") {
  SplitMix64 random(19);
  std::size_t tested = 0;
  arf_t x, ulp;
  arf_init(x), arf_init(ulp);
  const auto same = [&] {
    REQUIRE(std::bit_cast<std::uint64_t>(nearest_double(x)) == std::bit_cast<std::uint64_t>(arf_get_d(x, ARF_RND_NEAR)));
    ++tested;
  };
  for (int repeat = 0; repeat < 400; ++repeat) {
    const double value = std::ldexp(random.below(4) == 0 ? 2 - 0x1p-52 : 1 + std::fabs(uniform(random)), static_cast<int>(random.below(2000)) - 1000) *
                         (random.below(2) == 0 ? 1 : -1);
    // The double, halves of its last place above and below it, and a bit far below that.
    for (int half = -1; half <= 1; ++half)
      for (int far = -1; far <= 1; ++far) {
        arf_set_d(x, value);
        for (const auto& [sign, place] : {std::pair(half, 53), std::pair(far, static_cast<int>(55 + random.below(200)))}) {
          arf_set_si_2exp_si(ulp, sign, std::ilogb(value) - place);
          arf_add(x, x, ulp, ARF_PREC_EXACT, ARF_RND_DOWN);
        }
        same();
      }
  }
  arf_zero(x), same();
  arf_pos_inf(x), same();
  arf_set_si_2exp_si(x, 3, 1000000), same();
  arf_clear(x), arf_clear(ulp);
  CHECK(tested == 3603);
}

TEST_CASE("the fastest path is one that the CPU has, and its bits are the same") {
  SplitMix64 random(18);
  std::size_t tested = 0;
  for (Weights kind : {Weights::bf16, Weights::fp32})
    for (const Shape& shape : {Shape{20, 64, 1}, Shape{130, 40, 3}, Shape{130, 40, 17}, Shape{129, 40, 70}}) {
      const PreparedWeights weights(random_tensor(random, shape.rows, shape.width, kind));
      const BallMatrix x = random_balls(random, shape.width, shape.columns, Balls::mixed_radii, 200);
      const BallMatrix y = exact_product(weights, x, 200);
      for (ProductPath path : {fastest_path(weights, shape.columns), fastest_portable_path(weights, shape.columns)}) {
        REQUIRE(available(path));
        REQUIRE(same_bits(y, exact_product(weights, x, 200, path)));
        ++tested;
      }
    }
  CHECK(tested == 16);
}

TEST_CASE("weights are kept exactly, in 4 bytes where they are narrow and 8 where they are wide") {
  SplitMix64 random(15);
  std::size_t entries = 0, in_tails = 0, forms[2] = {0, 0}, without_form = 0;
  for (Weights kind : all_weights) {
    const TensorPtr tensor = random_tensor(random, 61, 150, kind);
    const PreparedWeights weights(tensor);
    if (!weights.fits()) {
      ++without_form;
      continue;
    }
    ++forms[static_cast<std::size_t>(weights.width())];
    std::vector<double> row(150);
    for (std::size_t i = 0; i < 61; ++i) {
      tensor->read_row(i, row);
      Int128 sum = 0;
      UInt128 magnitudes = 0;
      std::vector<double> stored(150);
      for (std::size_t k = 0; k < 150; ++k) {
        const std::size_t place = k * group_rows + i % group_rows;
        const std::int64_t w = weights.width() == WeightWidth::narrow
                                   ? static_cast<std::int64_t>(weights.narrow(i / group_rows)[place]) - (1 << 23)
                                   : static_cast<std::int64_t>(weights.wide(i / group_rows)[place]) - (std::int64_t{1} << 50);
        REQUIRE(std::llabs(w) < std::int64_t{1} << (weight_bits(weights.width()) - 1));
        sum += w;
        magnitudes += static_cast<UInt128>(std::llabs(w));
        stored[k] = std::ldexp(static_cast<double>(w), weights.scale(i));
      }
      REQUIRE(sum == weights.sum(i));
      REQUIRE(magnitudes >> weights.sum_bits() == 0);
      for (const TailWeight& t : weights.tail(i)) {
        REQUIRE(stored[t.column] == 0);
        stored[t.column] = std::ldexp(static_cast<double>(t.significand), t.exponent);
        ++in_tails;
      }
      for (std::size_t k = 0; k < 150; ++k, ++entries) REQUIRE(stored[k] == row[k]);
    }
  }
  CHECK(forms[0] >= 3);
  CHECK(forms[1] >= 2);
  CHECK(without_form >= 2);
  CHECK(in_tails >= 20);
  CHECK(entries == 61 * 150 * (forms[0] + forms[1]));
}

TEST_CASE("a row's product does not depend on the threads or on the other columns") {
  SplitMix64 random(16);
  const TensorPtr tensor = random_tensor(random, 150, 96, Weights::outliers);
  const BallMatrix x = random_balls(random, 96, 9, Balls::outlier, 160);
  const PreparedWeights weights(tensor);
  BallMatrix alone(150, 9), one_thread, three_threads;
  {
    const Threads one(1);
    one_thread = exact_product(weights, x, 160);
  }
  {
    const Threads three(3);
    three_threads = exact_product(PreparedWeights(tensor), x, 160);
  }
  for (std::size_t j = 0; j < 9; ++j) {
    BallMatrix column(96, 1);
    for (std::size_t k = 0; k < 96; ++k) arb_set(column(k, 0), x(k, j));
    const BallMatrix y = exact_product(weights, column, 160);
    for (std::size_t i = 0; i < 150; ++i) arb_set(alone(i, j), y(i, 0));
  }
  CHECK(weights.tail_size() > 0);
  CHECK(same_bits(one_thread, three_threads));
  CHECK(same_bits(one_thread, alone));
}

TEST_CASE("a weight that is not finite makes its row indeterminate, not wrong") {
  for (double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    std::vector<double> values(40 * 40, 0.5);
    values[3 * 40 + 7] = bad;
    BallMatrix x(40, 2);
    for (std::size_t k = 0; k < 40; ++k) arb_set_si(x(k, 0), static_cast<slong>(k)), arb_one(x(k, 1));
    const PreparedWeights weights(std::make_shared<DenseTensor>(40, 40, std::move(values)));
    CHECK_FALSE(weights.fits());
    const BallMatrix y = exact_product(weights, x, 128);
    CHECK_FALSE(arb_is_finite(y(3, 0)));
    CHECK_FALSE(arb_is_finite(y(3, 1)));
    CHECK(arb_equal_si(y(2, 1), 20));
  }
}

}  // namespace snellen
