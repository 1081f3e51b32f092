// Taylor models: every operation against its exact values on a grid, at low degrees where the remainder is what makes the enclosure true.
#include "lib/number/taylor.hpp"

#include <functional>

#include "lib/number/power_sums.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 128;
using Scalar = std::function<void(arb_ptr, arb_srcptr)>;

// A model whose coefficients fall like 2^-k, constant `constant`, radius `radius`.
BallVector model(SplitMix64& random, slong length, double constant, double radius) {
  BallVector x(static_cast<std::size_t>(length));
  for (slong k = 0; k < length; ++k) {
    arb_set_si(x[static_cast<std::size_t>(k)], static_cast<slong>(random.below(9)) - 4);
    arb_mul_2exp_si(x[static_cast<std::size_t>(k)], x[static_cast<std::size_t>(k)], -3 - k);
  }
  arb_set_d(x[0], constant);
  Ball error;
  arb_set_d(error, radius);
  arb_add_error(x[0], error);
  return x;
}

// One function that a model encloses: its polynomial plus `part` of its radius times (-1)^i, so that the error differs from point to point.
void sample(Ball& result, const TaylorArithmetic& taylor, const BallVector& x, arb_srcptr t, int i) {
  BallVector exact(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) arb_get_mid_arb(exact[k], x[k]);
  taylor.evaluate(result, exact[0], t);
  Ball error;
  arb_get_rad_arb(error, x[0]);
  i % 2 == 0 ? arb_add(result, result, error, 4 * bits) : arb_sub(result, result, error, 4 * bits);
}

constexpr int points = 65;
void point(Ball& t, int i) {
  arb_set_si(t, 2 * i - (points - 1));
  arb_div_si(t, t, points - 1, 4 * bits);
}

// `operation` on models against `exact` on points; the largest relative width allowed is `width`.
std::size_t check(const std::function<void(const TaylorArithmetic&, arb_ptr, arb_srcptr)>& operation, const Scalar& exact, double constant, double width) {
  SplitMix64 random(7);
  std::size_t tested = 0;
  for (const std::size_t degree : {0, 1, 2, 3, 5, 12})
    for (const double radius : {0.0, 0x1p-12})
      for (int repeat = 0; repeat < 4; ++repeat) {
        const TaylorArithmetic taylor(bits, degree);
        const BallVector x = model(random, taylor.length(), constant, radius);
        BallVector y(x.size());
        operation(taylor, y[0], x[0]);
        REQUIRE(arb_is_finite(y[0]));
        for (std::size_t k = 1; k < y.size(); ++k) REQUIRE(arb_is_exact(y[k]));
        if (degree == 12 && radius == 0) REQUIRE(mag_get_d(arb_radref(y[0])) <= width);
        for (int i = 0; i < points; ++i, ++tested) {
          Ball t, value, found, wanted;
          point(t, i);
          sample(value, taylor, x, t, i);
          exact(wanted, value);
          taylor.evaluate(found, y[0], t);
          INFO("degree " << degree << " radius " << radius << " point " << i);
          REQUIRE(arb_overlaps(found, wanted));
        }
      }
  return tested;
}

}  // namespace

TEST_CASE("operations on Taylor models enclose the exact functions at every point") {
  const long fine = 4 * bits;
  std::size_t tested = 0;
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.multiply(y, x, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_sqr(y, x, fine); }, 0.75, 1);
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.inverse(y, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_inv(y, x, fine); }, 4, 1e-4);
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.inverse_sqrt(y, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_rsqrt(y, x, fine); }, 4, 1e-4);
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.exp(y, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_exp(y, x, fine); }, -0.5, 1e-2);
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.erf(y, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_hypgeom_erf(y, x, fine); }, 0.25, 1e-2);
  for (const double constant : {4.0, -4.0, 0.0})
    tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.relu(y, x); },
                    [&](arb_ptr y, arb_srcptr x) {
                      const Ball zero;
                      arb_max(y, x, zero, fine);
                    },
                    constant, 4);
  tested += check([](const TaylorArithmetic& a, arb_ptr y, arb_srcptr x) { a.add(y, x, x); },
                  [&](arb_ptr y, arb_srcptr x) { arb_mul_2exp_si(y, x, 1); }, 1, 1e-30);
  REQUIRE(tested == 9 * 6 * 2 * 4 * points);
}

TEST_CASE("a function that may vanish has no inverse, one that may be negative no root") {
  const TaylorArithmetic taylor(bits, 2);
  BallVector x(3), y(3);
  arb_set_d(x[0], 1.0), arb_set_d(x[1], 1.5);
  taylor.inverse(y[0], x[0]);
  REQUIRE(!arb_is_finite(y[0]));
  taylor.inverse_sqrt(y[0], x[0]);
  REQUIRE(!arb_is_finite(y[0]));
}

TEST_CASE("ranges and the mean-value form contain every value between") {
  SplitMix64 random(9);
  std::size_t tested = 0;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const TaylorArithmetic taylor(bits, 6);
    const BallVector x = model(random, taylor.length(), 0.5, 0x1p-20);
    Ball range, t, piece, form, value;
    taylor.range(range, x[0]);
    for (int i = 0; i + 4 < points; ++i) {
      point(piece, i), point(t, i + 4);
      arb_union(piece, piece, t, bits);
      taylor.evaluate_mean_value(form, x[0], piece);
      for (int j = i; j <= i + 4; ++j, ++tested) {
        point(t, j);
        sample(value, taylor, x, t, j);
        REQUIRE(arb_overlaps(range, value));
        REQUIRE(arb_overlaps(form, value));
      }
    }
  }
  REQUIRE(tested == 20 * 61 * 5);
}

TEST_CASE("power sums are the sums of powers, exactly where they can be seen") {
  std::size_t tested = 0;
  for (const auto& [first, last] : std::vector<std::pair<long, long>>{{7, 8}, {1, 6}, {201, 251}, {1000, 1001}, {5000, 6250}}) {
    const std::size_t degree = 9;
    const PowerSums sums(first, last, degree, 256);
    REQUIRE(sums.count() == last - first + 1);
    std::vector<Ball> totals(2 * degree + 1);
    for (long n = first; n <= last; ++n) {
      Ball t, exact, power, part;
      sums.position(t, n);
      arb_set_si(exact, 2 * n - first - last);
      arb_div_si(exact, exact, last - first, 256);
      REQUIRE(arb_overlaps(t, exact));
      arb_one(power);
      for (std::size_t k = 0; k <= 2 * degree; ++k) {
        arb_add(totals[k], totals[k], power, 256);
        arb_mul(power, power, exact, 256);
        if (k > degree) continue;
        _arb_poly_evaluate_horner(part, sums.part(k), static_cast<slong>(k + 2), exact, 256);
        INFO("first " << first << " n " << n << " power " << k);
        REQUIRE(arb_overlaps(part, totals[k]));
        REQUIRE(Magnitude::radius_of(part).log2() < -100);
        ++tested;
      }
    }
    for (std::size_t k = 0; k <= 2 * degree; ++k) REQUIRE(arb_overlaps(sums.whole(k), totals[k]));
  }
  REQUIRE(tested == 10 * (2 + 6 + 51 + 2 + 1251));
}
