#include "lib/number/rounded_matrix.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/operator_norm.hpp"
#include "lib/number/upward.hpp"

namespace snellen {

RoundedMatrix::RoundedMatrix(const BallMatrix& a) : rows(a.rows()), columns(a.columns()), values(rows * columns) {
  std::vector<double> off_of_row(columns), off_rows(rows);
  bool fits = true;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      const double middle = arf_get_d(arb_midref(a(i, j)), ARF_RND_NEAR), radius = upper_double(Magnitude::radius_of(a(i, j)));
      if (!is_moderate(middle) || !is_moderate(radius)) {
        fits = false;
        continue;
      }
      off_of_row[j] = radius + std::fabs(middle) * 0x1p-52;
      values[i * columns + j] = middle;
    }
    off_rows[i] = euclidean_norm(off_of_row);
  }
  error = fits ? euclidean_norm(off_rows) : infinite_bound;
  frobenius = fits ? upward(euclidean_norm(values) + error) : infinite_bound;
}

Magnitude two_norm(const RoundedMatrix& a) {
  if (!(a.error < infinite_bound)) return magnitude_of(infinite_bound);
  return magnitude_of(upward(two_norm(a.values, a.rows, a.columns) + a.error));
}

// |A x|_1 = sum of d_i |(A x)_i| / d_i <= |d|_2 |D^-1 A x|_2 for every d > 0: the rows' norms, so that no row counts for more than it is. Never more than with all d equal.
Magnitude two_to_one_norm(const RoundedMatrix& a) {
  Magnitude equal, all;
  mag_set_ui(equal.get(), a.rows);
  mag_sqrt(equal.get(), equal.get());
  equal *= two_norm(a);
  if (!(a.error < infinite_bound)) return equal;
  RoundedMatrix even = a;
  std::vector<double> sizes;
  double least = infinite_bound;
  for (std::size_t i = 0; i < a.rows; ++i) {
    sizes.push_back(euclidean_norm(std::span(a.values).subspan(i * a.columns, a.columns)));
    least = std::min(least, sizes.back());
    for (std::size_t j = 0; j < a.columns; ++j) even.values[i * a.columns + j] /= sizes.back();
  }
  if (!(least > 0x1p-100)) return equal;
  even.error = upward(a.error / least + std::sqrt(static_cast<double>(a.rows)) * 0x1p-51);  // each row's norm is at most 1, each quotient rounded once
  all = two_norm(even) * magnitude_of(euclidean_norm(sizes));
  return all < equal ? all : equal;
}

std::vector<Magnitude> row_norms(const RoundedMatrix& a) {
  std::vector<Magnitude> result;
  for (std::size_t i = 0; i < a.rows; ++i)
    result.push_back(magnitude_of(a.error < infinite_bound ? upward(euclidean_norm(std::span(a.values).subspan(i * a.columns, a.columns)) + a.error) : infinite_bound));
  return result;
}

RoundedMatrix side_by_side(const std::vector<RoundedMatrix>& parts, const std::vector<double>& factors) {
  RoundedMatrix result;
  result.rows = parts.front().rows;
  for (const RoundedMatrix& part : parts) result.columns += part.columns;
  result.values.resize(result.rows * result.columns);
  std::size_t first = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const RoundedMatrix& part = parts[p];
    for (std::size_t i = 0; i < part.rows; ++i)
      for (std::size_t j = 0; j < part.columns; ++j) result.values[i * result.columns + first + j] = part.values[i * part.columns + j] * factors[p];
    first += part.columns;
    // Each product is rounded once.
    result.error = upward(result.error + factors[p] * part.error + factors[p] * part.frobenius * 0x1p-52);
    result.frobenius = upward(result.frobenius + factors[p] * part.frobenius);
  }
  return result;
}

}  // namespace snellen
