#include "proofs/checker/singular_value.hpp"

#include <algorithm>
#include <cmath>

namespace snellen::check {
namespace {

// Of up to 2^22 squares and sums in doubles each rounding is a part of 2^-53, together less than 2^-30; what is lost below the least double is less than 2^-900.
constexpr double up = 1 + 0x1p-30, least = 0x1p-900;

double sum_of_squares(std::span<const double> x) {
  double sum = 0;
  for (const double entry : x) sum += entry * entry;
  return sum;
}

// About the largest eigenvalue: that of the Rayleigh quotient of the matrix's largest column, raised to the power 2^20.
double guess(std::vector<double> g, std::size_t n) {
  const std::vector<double> matrix = g;
  std::vector<double> square(n * n);
  for (int step = 0; step < 20; ++step) {
    double trace = 0;
    for (std::size_t i = 0; i < n; ++i) trace += g[i * n + i];
    for (double& entry : g) entry /= trace;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) square[i * n + j] = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < n; ++k)
        for (std::size_t j = 0; j < n; ++j) square[i * n + j] += g[i * n + k] * g[k * n + j];
    g.swap(square);
  }
  std::size_t largest = 0;
  for (std::size_t i = 1; i < n; ++i)
    if (g[i * n + i] > g[largest * n + largest]) largest = i;
  const double* const v = &g[largest * n];
  double above = 0, below = 0;
  for (std::size_t i = 0; i < n; ++i) {
    below += v[i] * v[i];
    for (std::size_t j = 0; j < n; ++j) above += v[i] * matrix[i * n + j] * v[j];
  }
  return above / below;
}

bool is_positive_definite(const IntervalArithmetic& a, std::vector<Number> m, std::size_t n) {
  Number factor = a.zero(), term = a.zero();
  for (std::size_t k = 0; k < n; ++k) {
    if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(m[k * n + k])) || !is_finite(m[k * n + k])) return false;
    for (std::size_t i = k + 1; i < n; ++i) {
      a.div(factor, m[i * n + k], m[k * n + k]);
      for (std::size_t j = k + 1; j <= i; ++j) {  // the lower half
        a.mul(term, factor, m[j * n + k]);
        a.sub(m[i * n + j], m[i * n + j], term);
      }
    }
  }
  return true;
}

}  // namespace

Upper frobenius_norm(std::span<const double> entries) {
  Upper result;
  for (const double entry : entries)
    if (!(std::fabs(entry) <= 0x1p100)) return Upper(HUGE_VAL);
  // Row by row of 2^20 entries, so that no more roundings follow one another.
  for (std::size_t at = 0; at < entries.size(); at += std::size_t{1} << 20) {
    const double part = sum_of_squares(entries.subspan(at, std::min(entries.size() - at, std::size_t{1} << 20)));
    result += Upper(part * up + least);
  }
  return result.root();
}

Upper spectral_norm(std::span<const double> entries, std::size_t rows) {
  const Upper frobenius = frobenius_norm(entries);
  const std::size_t columns = entries.size() / rows;
  if (!mpfr_number_p(frobenius.get()) || columns > (std::size_t{1} << 20)) return frobenius;
  std::vector<double> gram(rows * rows), lengths(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    lengths[i] = std::sqrt(sum_of_squares(entries.subspan(i * columns, columns)) * up + least) * up;
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < columns; ++k) sum += entries[i * columns + k] * entries[j * columns + k];
      gram[i * rows + j] = gram[j * rows + i] = sum;
    }
  }
  const double lambda = guess(gram, rows), error = static_cast<double>(columns + 1) * 0x1p-52;
  if (!(lambda > 0x1p-400)) return frobenius;
  const IntervalArithmetic a(96);
  for (double over = 0x1p-32; over < 1; over *= 16) {
    const double tried = lambda * (1 + over);
    std::vector<Number> m(rows * rows, a.zero());
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        Number& entry = m[i * rows + j];
        entry = a.of(-gram[i * rows + j]);
        widen(entry, Upper(error) * Upper(lengths[i]) * Upper(lengths[j]) + Upper(least));
        if (i == j) a.add(entry, entry, a.of(tried));
      }
    if (!is_positive_definite(a, std::move(m), rows)) continue;
    const Upper norm = Upper(tried).root();
    return norm < frobenius ? norm : frobenius;
  }
  return frobenius;
}

}  // namespace snellen::check
