#include "lib/number/operator_norm.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

// C [n, n] += A^T B for A, B [length, n] row-major.
SNELLEN_MULTIVERSION void add_products(double* c, const double* a, const double* b, std::size_t length, std::size_t n, std::size_t stride) {
  for (std::size_t m = 0; m < length; ++m)
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = a[m * stride + i];
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += factor * b[m * stride + j];
    }
}

Gram gram_of_transposed(const double* columns, std::size_t length, std::size_t n, std::size_t stride) {
  Gram result{n, std::vector<double>(n * n), infinite_bound, infinite_bound};
  std::vector<double> lengths(length);  // near those of the rows: each squared and rooted once more than its entries
  for (std::size_t m = 0; m < length; ++m) {
    const std::span row(columns + m * stride, n);
    if (!are_moderate(row)) return result;
    lengths[m] = std::sqrt(sum_of_squares(row));
  }
  add_products(result.entries.data(), columns, columns, length, n, stride);
  result.frobenius = upward(std::sqrt(sum_of_squares(lengths)));
  // Each entry within dot_error |a_i| |a_j|, so all of them within dot_error |A|_F^2.
  result.error = upward(dot_error(length) * result.frobenius * result.frobenius);
  return result;
}

// Of numbers that need not be moderate.
double frobenius_norm(std::span<const double> entries) { return upward(std::sqrt(sum_of_squares(entries))); }

}  // namespace

Gram gram_of_columns(const double* matrix, std::size_t length, std::size_t n, std::size_t stride) {
  return gram_of_transposed(matrix, length, n, stride);
}

Gram gram_of_rows(const double* matrix, std::size_t n, std::size_t length, std::size_t stride) {
  std::vector<double> transposed(n * length);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t m = 0; m < length; ++m) transposed[m * n + i] = matrix[i * stride + m];
  return gram_of_transposed(transposed.data(), length, n, n);
}

SquareRoot square_root(const Gram& gram) {
  const std::size_t n = gram.n;
  SquareRoot result{std::vector<double>(n * n), 0, gram.frobenius};  // L = 0 holds with |A|_2 <= |A|_F
  if (!(gram.frobenius < infinite_bound)) return result;
  // Cholesky's decomposition; a pivot that rounding could have made is left out with its row. Whatever comes out is checked below.
  std::vector<double> work = gram.entries;
  std::vector<double>& l = result.rows;
  const double smallest = static_cast<double>(n) * 0x1p-46 * gram.frobenius * gram.frobenius;
  for (std::size_t k = 0; k < n; ++k) {
    if (!(work[k * n + k] > smallest)) continue;
    const double pivot = std::sqrt(work[k * n + k]);
    for (std::size_t j = k; j < n; ++j) l[k * n + j] = work[k * n + j] / pivot;
    for (std::size_t i = k + 1; i < n; ++i)
      for (std::size_t j = i; j < n; ++j) work[i * n + j] -= l[k * n + i] * l[k * n + j];
  }
  // x^T G x = |L x|^2 + x^T (G - L^T L) x <= |L x|^2 + |G - L^T L|_F |x|^2.
  std::vector<double> difference(n * n);
  add_products(difference.data(), l.data(), l.data(), n, n, n);
  for (std::size_t i = 0; i < n * n; ++i) difference[i] = gram.entries[i] - difference[i];
  const double size = frobenius_norm(l);
  const double rest = upward(frobenius_norm(difference) + dot_error(n) * (size * size + gram.frobenius * gram.frobenius) + gram.error);
  result.frobenius = size;
  result.rest = std::min(gram.frobenius, upward(std::sqrt(rest)));
  if (!(result.rest < gram.frobenius)) result = {std::vector<double>(n * n), 0, gram.frobenius};
  return result;
}

double product_norm(const Gram& left, const Gram& right) {
  const std::size_t n = left.n;
  const double crude = upward(left.frobenius * right.frobenius);
  if (!(crude < infinite_bound) || crude < 0x1p-60) return crude;
  // P = left right / 2^e, |P - computed|_F <= error; then P^2, P^4, ... with the largest entry kept near 1.
  std::vector<double> power(n * n), product(n * n), transposed(left.entries);  // left is symmetric: add_products takes it as its own transpose
  add_products(product.data(), transposed.data(), right.entries.data(), n, n, n);
  double size = frobenius_norm(product);
  const double left_size = frobenius_norm(left.entries), right_size = frobenius_norm(right.entries);
  double error = upward(dot_error(n) * left_size * right_size + left.error * (right_size + right.error) + right.error * left_size);
  double exponent = 0;  // P^(2^k) = 2^exponent times what is held
  constexpr int squarings = 5;
  for (int k = 0;; ++k) {
    if (!(size > 0x1p-400 && size < 0x1p400 && error < size)) return crude;
    const int shift = std::ilogb(size);
    for (std::size_t i = 0; i < n * n; ++i) power[i] = std::ldexp(product[i], -shift);
    size = std::ldexp(size, -shift), error = upward(std::ldexp(error, -shift)), exponent += shift;
    if (k == squarings) break;
    std::fill(product.begin(), product.end(), 0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) transposed[j * n + i] = power[i * n + j];
    add_products(product.data(), transposed.data(), power.data(), n, n, n);
    error = upward(dot_error(n) * size * size + error * (2 * size + error));
    size = frobenius_norm(product);
    exponent *= 2;
  }
  double trace = 0, absolute = 0;
  for (std::size_t i = 0; i < n; ++i) trace += power[i * n + i], absolute += std::fabs(power[i * n + i]);
  // |trace of E| <= sqrt(n) |E|_F.
  double bound = upward(std::max(trace, 0.0) + dot_error(n) * absolute + std::sqrt(static_cast<double>(n)) * error);
  // The root of 2^exponent bound, exponent made a multiple of 2^(squarings + 1) first: |A B|_2 is the square root of the eigenvalue.
  const double roots = std::ldexp(1.0, squarings + 1);
  const double whole = std::floor(exponent / roots);
  bound = std::ldexp(bound, static_cast<int>(exponent - whole * roots));
  for (int k = 0; k <= squarings; ++k) bound = std::sqrt(bound);
  return std::min(crude, upward(std::ldexp(bound, static_cast<int>(whole))));
}

double two_norm(std::span<const double> matrix, std::size_t rows, std::size_t columns) {
  Gram identity{rows, std::vector<double>(rows * rows), 0, upward(std::sqrt(static_cast<double>(rows)))};
  for (std::size_t i = 0; i < rows; ++i) identity.entries[i * rows + i] = 1;
  return product_norm(gram_of_rows(matrix.data(), rows, columns, columns), identity);
}

}  // namespace snellen
