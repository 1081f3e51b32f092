// Norm bounds: never below what a vector shows, and not far above.
#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/operator_norm.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/number/upward.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

double uniform(SplitMix64& random) { return static_cast<double>(static_cast<std::int64_t>(random.next()) >> 11) * 0x1p-52; }

// [rows, columns], the later columns fainter and some rows nearly parallel.
std::vector<double> matrix(SplitMix64& random, std::size_t rows, std::size_t columns, double fade) {
  std::vector<double> result(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) result[i * columns + j] = uniform(random) * std::pow(fade, static_cast<double>(j)) + 0.3 * (i % 3 == 0);
  return result;
}
std::vector<double> image(const std::vector<double>& a, const std::vector<double>& x) {
  const std::size_t rows = a.size() / x.size();
  std::vector<double> y(rows);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < x.size(); ++j) y[i] += a[i * x.size() + j] * x[j];
  return y;
}
std::vector<double> transposed(const std::vector<double>& a, std::size_t columns) {
  const std::size_t rows = a.size() / columns;
  std::vector<double> t(a.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) t[j * rows + i] = a[i * columns + j];
  return t;
}
double length(const std::vector<double>& x) {
  double sum = 0;
  for (const double e : x) sum += e * e;
  return std::sqrt(sum);
}
// |A x| / |x| at the end of the power method: a lower bound of the norm, up to rounding.
double power_method(const std::vector<double>& a, std::size_t columns) {
  std::vector<double> x(columns, 1);
  x[0] = 1.5;
  double norm = 0;
  for (int step = 0; step < 300; ++step) {
    const std::vector<double> y = image(a, x);
    norm = length(y) / length(x);
    x = image(transposed(a, columns), y);
    const double size = length(x);
    for (double& e : x) e /= size;
  }
  return norm;
}

}  // namespace

TEST_CASE("the norm of a product lies between the power method and a few percent above") {
  SplitMix64 random(3);
  for (const auto& [n, out, in, fade] : {std::tuple{8, 40, 30, 1.0}, {64, 100, 90, 0.9}, {16, 16, 16, 0.5}, {1, 5, 7, 1.0}}) {
    const auto size = static_cast<std::size_t>(n), width = static_cast<std::size_t>(out), inner = static_cast<std::size_t>(in);
    const std::vector<double> a = matrix(random, width, size, fade), b = matrix(random, size, inner, 1);
    std::vector<double> product(width * inner);
    for (std::size_t i = 0; i < width; ++i)
      for (std::size_t k = 0; k < size; ++k)
        for (std::size_t j = 0; j < inner; ++j) product[i * inner + j] += a[i * size + k] * b[k * inner + j];
    const double bound = product_norm(gram_of_columns(a.data(), width, size, size), gram_of_rows(b.data(), size, inner, inner));
    const double lower = power_method(product, inner);
    REQUIRE(bound >= lower * (1 - 1e-12));
    REQUIRE(bound <= lower * 1.08);
  }
}

TEST_CASE("a Frobenius norm of 2^25 entries, each square of which is lost beside the sum of those before it (28 November 2026)") {
  // Rows lie over each other by all but one entry; the first ones have large entries.
  constexpr std::size_t n = 32, length = (std::size_t{1} << 20) - 1;
  const double x = std::sqrt(0.99 * 0x1p-48);
  std::vector<double> entries(length + n, x);
  for (std::size_t i = 0; i < n; ++i) entries[i] = 0.25;
  long double squares = 0;  // [row, column] is entry row + column
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::size_t times = std::min({i + 1, n, entries.size() - 1 - i});
    squares += static_cast<long double>(times) * entries[i] * entries[i];
  }
  const double norm = gram_of_columns(entries.data(), length, n, 1).frobenius;
  REQUIRE(static_cast<long double>(norm) * norm >= squares);
  REQUIRE(norm < std::sqrt(static_cast<double>(squares)) * (1 + 0x1p-28));
}

TEST_CASE("the length of a vector of 3 2^23 entries, each square of which is lost beside the first one") {
  std::vector<double> entries(std::size_t{3} << 23, std::sqrt(0.99 * 0x1p-53));
  entries[0] = 1;
  const long double squares = 1 + static_cast<long double>(entries.size() - 1) * entries[1] * entries[1];
  const double norm = euclidean_norm(entries);
  REQUIRE(static_cast<long double>(norm) * norm >= squares);
  REQUIRE(norm < std::sqrt(static_cast<double>(squares)) * (1 + 0x1p-28));
}

TEST_CASE("the square root of a Gram matrix bounds |A x|, singular ones too") {
  SplitMix64 random(5);
  std::size_t tested = 0;
  for (const std::size_t rank : {3U, 12U, 20U}) {
    const std::size_t n = 12;
    const std::vector<double> a = matrix(random, rank, n, rank == 20 ? 0.2 : 1.0);
    const SquareRoot root = square_root(gram_of_columns(a.data(), rank, n, n));
    REQUIRE(root.rest < 1e-5 * root.frobenius);
    for (int trial = 0; trial < 200; ++trial) {
      std::vector<double> x(n);
      for (double& e : x) e = trial % 2 == 0 ? uniform(random) : static_cast<double>(random.below(2)) * uniform(random);
      const double exact = length(image(a, x));
      const double bound = length(image(root.rows, x)) + root.rest * length(x);
      REQUIRE(bound >= exact * (1 - 1e-13) - 1e-300);
      REQUIRE(bound <= exact * (1 + 1e-10) + 2 * root.rest * length(x));
      ++tested;
    }
  }
  REQUIRE(tested == 600);
}

// The second pivot is too small to be told from rounding: its row is left out, and only what the check of L^T L finds stands for it.
TEST_CASE("a direction that the square root leaves out is in its rest") {
  const std::vector<double> a{1, 0, 0, 0x1p-23};
  const SquareRoot root = square_root(gram_of_columns(a.data(), 2, 2, 2));
  REQUIRE(root.rows[3] == 0);
  REQUIRE(root.rest >= 0x1p-23);
  REQUIRE(root.rest <= 0x1p-22);
}

TEST_CASE("entries that doubles cannot serve give infinite bounds, not wrong ones") {
  const std::vector<double> huge{0x1p200, 1, 1, 1};
  const Gram gram = gram_of_rows(huge.data(), 2, 2, 2);
  REQUIRE(gram.frobenius == infinite_bound);
  REQUIRE(square_root(gram).rest == infinite_bound);
  REQUIRE(product_norm(gram, gram) == infinite_bound);
  REQUIRE(euclidean_norm(std::vector<double>{NAN}) == infinite_bound);
  REQUIRE(upward(NAN) == infinite_bound);
  const std::vector<double> tiny{0x1p-600, 0, 0, 0x1p-600};
  const Gram small = gram_of_rows(tiny.data(), 2, 2, 2);
  REQUIRE(product_norm(small, small) >= 0x1p-1000);
  REQUIRE(euclidean_norm(tiny) >= 0x1p-600);
}
