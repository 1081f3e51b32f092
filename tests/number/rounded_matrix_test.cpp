// Matrices of balls in doubles: errors and norms against exact ones.
#include "lib/number/rounded_matrix.hpp"

#include <cmath>
#include <limits>

#include "lib/number/upward.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

// Rows (3, 4) and (0, 0.5), each entry within 2^-20.
BallMatrix balls() {
  BallMatrix a(2, 2);
  const double values[] = {3, 4, 0, 0.5};
  for (std::size_t i = 0; i < 4; ++i) arb_set_d(a(i / 2, i % 2), values[i]), arb_add_error_2exp_si(a(i / 2, i % 2), -20);
  return a;
}

double value(const Magnitude& x) { return upper_double(x); }

}  // namespace

TEST_CASE("a matrix of balls in doubles") {
  const RoundedMatrix a(balls());
  REQUIRE(a.rows == 2);
  REQUIRE(a.columns == 2);
  CHECK(a.values == std::vector<double>{3, 4, 0, 0.5});
  CHECK(a.error >= 0x1p-19);  // |(2^-20, ...)|_F of four entries
  CHECK(a.error < 0x1p-19 * 1.001);
  CHECK(a.frobenius >= std::sqrt(25.25));
  const std::vector<Magnitude> rows = row_norms(a);
  CHECK(value(rows[0]) >= 5 + 0x1p-20);
  CHECK(value(rows[0]) < 5.00001);
  CHECK(value(rows[1]) >= 0.5 + 0x1p-20);
  // The largest singular value of ((3, 4), (0, 1/2)): lambda of A^T A solves x^2 - 25.25 x + 2.25 = 0.
  const double largest = std::sqrt((25.25 + std::sqrt(25.25 * 25.25 - 9)) / 2);
  CHECK(value(two_norm(a)) >= largest);
  CHECK(value(two_norm(a)) < 1.02 * largest);
  // Not moderate: nothing is known.
  BallMatrix infinite(1, 1);
  arb_set_d(infinite(0, 0), std::numeric_limits<double>::infinity());
  CHECK(RoundedMatrix(infinite).error == infinite_bound);
  CHECK(!two_norm(RoundedMatrix(infinite)).is_finite());
  CHECK(!two_to_one_norm(RoundedMatrix(infinite)).is_finite());
}

TEST_CASE("from the 2-norm to the 1-norm, row by row") {
  // diag(4, 1): |A x|_1 = 4 x + y is at most sqrt(17), where sqrt(2) |A|_2 = 5.66.
  BallMatrix diagonal(2, 2);
  arb_set_d(diagonal(0, 0), 4), arb_set_d(diagonal(1, 1), 1);
  const double bound = value(two_to_one_norm(RoundedMatrix(diagonal)));
  CHECK(bound >= std::sqrt(17.0));
  CHECK(bound < 1.02 * std::sqrt(17.0));
  // Equal rows: no better than sqrt(2) |A|_2, and attained by no less.
  BallMatrix equal(2, 2);
  for (std::size_t i = 0; i < 4; ++i) arb_set_d(equal(i / 2, i % 2), 1);
  CHECK(value(two_to_one_norm(RoundedMatrix(equal))) >= 2 * std::sqrt(2.0));
  const RoundedMatrix a(balls());
  CHECK(value(two_to_one_norm(a)) >= std::sqrt(9 + 4.5 * 4.5));  // at (3, 4.5) / |.|
}

TEST_CASE("matrices side by side") {
  const RoundedMatrix a(balls());
  const RoundedMatrix both = side_by_side({a, a}, {1, 0.5});
  CHECK(both.columns == 4);
  CHECK(both.values == std::vector<double>{3, 4, 1.5, 2, 0, 0.5, 0, 0.25});
  CHECK(both.error >= 1.5 * 0x1p-19 * 0.999);
  CHECK(value(two_norm(both)) >= std::sqrt(1.25) * value(two_norm(a)) * 0.97);
}
