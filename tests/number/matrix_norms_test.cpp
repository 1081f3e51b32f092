// Certified norms of matrices: known values, the power method from below, and sharpness.
#include <algorithm>
#include <cmath>

#include "lib/number/matrix_norms.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"
#include "tests/world/jacobian.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

BallMatrix balls(const Jacobian& a, double radius = 0) {
  BallMatrix result(a.rows, a.columns);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.columns; ++j) {
      arb_set_d(result(i, j), a.entries[i * a.columns + j]);
      mag_set_d(arb_radref(result(i, j)), radius);
    }
  return result;
}

Jacobian random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  SplitMix64 random(seed);
  Jacobian a{rows, columns, std::vector<double>(rows * columns)};
  for (double& x : a.entries) x = static_cast<double>(static_cast<std::int64_t>(random.next() >> 40)) * 0x1p-23 - 1;
  return a;
}

double upper(const Enclosure& x) { return x.upper.to_double(MPFR_RNDU); }
double lower(const Enclosure& x) { return x.lower.to_double(MPFR_RNDD); }

}  // namespace

TEST_CASE("norms of a matrix that is known") {
  // [[3, 0], [4, 5]]: singular values sqrt(45) and sqrt(5).
  const MatrixNorms norms = matrix_norms(balls({2, 2, {3, 0, 4, 5}}), 128);
  REQUIRE(contains(norms.one, Dyadic::of(7.0)));
  REQUIRE(contains(norms.inf, Dyadic::of(9.0)));
  REQUIRE(width(norms.one) == 0);
  REQUIRE(width(norms.inf) == 0);
  Dyadic root(128);
  mpfr_sqrt_ui(root.get(), 50, MPFR_RNDD);
  REQUIRE(norms.frobenius.lower <= root);
  mpfr_sqrt_ui(root.get(), 50, MPFR_RNDU);
  REQUIRE(root <= norms.frobenius.upper);
  REQUIRE(width(norms.frobenius) < 1e-30);
  mpfr_sqrt_ui(root.get(), 45, MPFR_RNDD);
  REQUIRE(norms.two.lower <= root);
  mpfr_sqrt_ui(root.get(), 45, MPFR_RNDU);
  REQUIRE(root <= norms.two.upper);
  REQUIRE(width(norms.two) < 0.05);
  // A rotation, five times as long: both singular values are 5, so that a power's norm is the root of two too large.
  const MatrixNorms rotation = matrix_norms(balls({2, 2, {3, -4, 4, 3}}), 128);
  REQUIRE(contains(rotation.two, Dyadic::of(5.0)));
  REQUIRE(width(rotation.two) < 0.05);
}

TEST_CASE("the 2-norm lies above what the power method finds, below what others bound it by, and its ends are close") {
  std::size_t tested = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::size_t rows = 1 + seed * 5 % 17, columns = 1 + seed * 7 % 23;
    const Jacobian a = random_matrix(rows, columns, seed);
    const MatrixNorms norms = matrix_norms(balls(a), 128);
    const double found = a.norm();  // to some 2^-45
    INFO(rows << " x " << columns);
    REQUIRE(upper(norms.two) >= found * (1 - 0x1p-40));
    REQUIRE(lower(norms.two) <= found * (1 + 0x1p-30) * 1.01);  // the power method itself may be short where two singular values are close
    REQUIRE(norms.two.lower <= norms.two.upper);
    REQUIRE(norms.two.upper <= norms.frobenius.upper);
    REQUIRE(upper(norms.two) <= std::sqrt(upper(norms.one) * upper(norms.inf)) * (1 + 0x1p-40));
    REQUIRE(upper(norms.two) <= 1.03 * lower(norms.two));
    ++tested;
  }
  REQUIRE(tested == 12);
}

TEST_CASE("wide balls: every matrix inside has its norms inside") {
  const Jacobian a = random_matrix(6, 9, 3);
  const double radius = 0x1p-10;
  const MatrixNorms norms = matrix_norms(balls(a, radius), 128);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Jacobian moved = a;
    SplitMix64 random(seed);
    for (double& x : moved.entries) x += random.next() % 2 == 0 ? radius : -radius;
    const MatrixNorms exact = matrix_norms(balls(moved), 128);
    for (const auto norm : {&MatrixNorms::frobenius, &MatrixNorms::one, &MatrixNorms::inf}) {
      REQUIRE((norms.*norm).lower <= (exact.*norm).lower);
      REQUIRE((exact.*norm).upper <= (norms.*norm).upper);
    }
    REQUIRE(overlap(norms.two, exact.two));
    REQUIRE(upper(norms.two) >= lower(exact.two));
    REQUIRE(lower(norms.two) <= upper(exact.two));
  }
}

TEST_CASE("zero matrices and single rows and what is not finite") {
  const MatrixNorms zero = matrix_norms(BallMatrix(3, 4), 128);
  for (const auto norm : {&MatrixNorms::frobenius, &MatrixNorms::one, &MatrixNorms::inf, &MatrixNorms::two}) REQUIRE(mpfr_zero_p((zero.*norm).upper.get()) != 0);
  const MatrixNorms row = matrix_norms(balls({1, 2, {3, 4}}), 128);
  REQUIRE(contains(row.two, Dyadic::of(5.0)));
  REQUIRE(width(row.two) < 1e-30);
  BallMatrix unknown(2, 2);
  arb_indeterminate(unknown(0, 1));
  const MatrixNorms nothing = matrix_norms(unknown, 128);
  REQUIRE(!nothing.two.upper.is_finite());
  REQUIRE(!nothing.frobenius.upper.is_finite());
  REQUIRE(mpfr_sgn(nothing.two.lower.get()) == 0);
}
