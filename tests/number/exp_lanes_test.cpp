// Exponentials and logistic functions in lanes against FLINT's at higher precision.
#include "lib/number/exp_lanes.hpp"

#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "tests/catch.hpp"
#include "tests/number/fixed_points.hpp"
#include "tests/number/random_balls.hpp"

namespace snellen {
namespace {

std::vector<ProductPath> paths() {
  return available_of({ProductPath::portable, ProductPath::sse2, ProductPath::avx2, ProductPath::avx512_fma, ProductPath::avx512});
}

// Of every size that the lanes serve, and beyond; multiples of log 2 and of the tables' steps among them.
void random_argument(SplitMix64& random, arb_ptr x, long bits) {
  random_midpoint(random, x, bits);
  const auto multiple = static_cast<slong>(random.below(1200)) - 600;
  Ball y;
  switch (random.below(10)) {
    case 0: arb_mul_2exp_si(x, x, -static_cast<slong>(random.below(1500))); break;
    case 1: arb_mul_2exp_si(x, x, 10); break;
    case 2: arb_zero(x); break;
    case 3: arb_mul_2exp_si(x, x, 40); break;
    case 4:  // close to n log 2, on either side
      arb_const_log2(y, bits);
      arb_mul_si(y, y, multiple, bits);
      arb_get_mid_arb(x, y);
      break;
    case 5:
      arb_set_si(x, multiple);
      arb_mul_2exp_si(x, x, random.below(2) == 0 ? -8 : -16);
      break;
    case 6:
      arb_set_si(x, multiple);
      arb_mul_2exp_si(x, x, -16);
      arb_mul_2exp_si(y, x, -bits);
      arb_sub(x, x, y, ARF_PREC_EXACT);
      mag_zero(arb_radref(x));
      break;
    default: arb_mul_2exp_si(x, x, static_cast<slong>(random.below(8)));
  }
}

// log2 of (distance between the midpoint and the exact value) / exact value, or -inf.
double relative_error(arb_srcptr y, arb_srcptr exact) {
  Ball error, middle;
  arb_get_mid_arb(middle, y);
  arb_sub(error, middle, exact, 200);
  arb_div(error, error, exact, 64);
  return arb_is_zero(error) ? -INFINITY : std::log2(std::fabs(arf_get_d(arb_midref(static_cast<arb_srcptr>(error)), ARF_RND_NEAR)));
}

}  // namespace

TEST_CASE("exponentials in lanes: the same bits on every path, true and tight") {
  SplitMix64 random(51);
  std::size_t compared = 0;
  double least_slack = INFINITY;
  for (slong precision : {2, 30, 41, 42, 93, 94, 140, 200, 333, 640, 700, 1200, 1300})
    for (int round = 0; round < 12; ++round) {
      const std::size_t count = 1 + random.below(30);
      std::vector<Ball> x(count);
      std::vector<slong> asked(count);
      for (std::size_t i = 0; i < count; ++i) {
        random_argument(random, x[i], random.below(2) == 0 ? 53 : precision + 10);
        if (random.below(3) == 0) set_radius(random, x[i], -static_cast<slong>(random.below(500)));
        if (random.below(40) == 0) mag_inf(arb_radref(static_cast<arb_ptr>(x[i])));
        asked[i] = random.below(3) == 0 ? std::max<slong>(2, precision / 2) : precision;
      }
      std::vector<std::vector<Ball>> results;
      for (ProductPath path : paths()) {
        results.push_back(x);
        std::vector<arb_ptr> y(results.back().begin(), results.back().end());
        exponentials(y, asked, path);
      }
      for (std::size_t i = 0; i < count; ++i, ++compared) {
        arb_srcptr y = results[0][i];
        for (const auto& other : results) REQUIRE(arb_equal(y, static_cast<arb_srcptr>(other[i])));
        Ball exact, end;
        arb_get_mid_arb(end, x[i]);
        arb_exp(exact, end, 3000);
        REQUIRE(arb_contains(y, exact));
        if (arb_is_exact(x[i])) {
          REQUIRE(arb_rel_accuracy_bits(y) >= asked[i] - 3);
          const double error = relative_error(y, exact);
          if (std::isfinite(error) && asked[i] > 30) least_slack = std::min(least_slack, -error - static_cast<double>(asked[i]));
          continue;
        }
        if (!arb_is_finite(x[i])) continue;
        // The ends of the ball.
        for (int sign : {-1, 1}) {
          arf_t radius;
          arf_init(radius);
          arf_set_mag(radius, arb_radref(static_cast<arb_srcptr>(x[i])));
          arf_mul_si(radius, radius, sign, ARF_PREC_EXACT, ARF_RND_DOWN);
          arf_add(arb_midref(static_cast<arb_ptr>(end)), arb_midref(static_cast<arb_srcptr>(x[i])), radius, ARF_PREC_EXACT, ARF_RND_DOWN);
          arf_clear(radius);
          arb_exp(exact, end, 3000);
          REQUIRE(arb_overlaps(y, exact));
        }
        Ball flint;
        arb_exp(flint, x[i], asked[i]);
        if (mag_cmp_2exp_si(arb_radref(static_cast<arb_srcptr>(x[i])), -20) < 0 && arb_is_finite(flint))

          REQUIRE(arb_rel_accuracy_bits(y) >= std::min(asked[i], arb_rel_accuracy_bits(flint)) - 3);
      }
    }
  CHECK(compared > 1500);
  CHECK(least_slack > -2);
}

TEST_CASE("logistic functions in lanes: the same bits on every path, true and tight") {
  SplitMix64 random(52);
  std::size_t compared = 0;
  for (slong precision : {30, 41, 42, 93, 94, 140, 200, 300, 340, 351, 352, 420, 640, 700, 715, 1200, 1300})
    for (int round = 0; round < 12; ++round) {
      const std::size_t count = 1 + random.below(30);
      std::vector<Ball> x(count);
      std::vector<slong> asked(count, precision);
      for (std::size_t i = 0; i < count; ++i) random_argument(random, x[i], random.below(2) == 0 ? 53 : precision + 10);
      std::vector<std::vector<Ball>> results;
      std::vector<arb_srcptr> arguments(x.begin(), x.end());
      for (ProductPath path : paths()) {
        results.emplace_back(count);
        std::vector<arb_ptr> y(results.back().begin(), results.back().end());
        logistics_of_midpoints(y, arguments, asked, path);
      }
      for (std::size_t i = 0; i < count; ++i, ++compared) {
        arb_srcptr y = results[0][i];
        for (const auto& other : results) REQUIRE(arb_equal(y, static_cast<arb_srcptr>(other[i])));
        Ball exact;
        arb_neg(exact, x[i]);
        arb_exp(exact, exact, 3200);
        arb_add_ui(exact, exact, 1, 3200);
        arb_inv(exact, exact, 3200);
        REQUIRE(arb_contains(y, exact));
        REQUIRE(arb_rel_accuracy_bits(y) >= precision - 2);
      }
    }
  CHECK(compared > 2000);
}

}  // namespace snellen
