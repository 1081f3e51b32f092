#include "lib/number/matrix_norms.hpp"

#include <algorithm>

#include "lib/number/ball_enclosure.hpp"

namespace snellen {
namespace {

constexpr int squarings = 6;

void set_frobenius(arb_ptr result, const BallMatrix& a, long bits) {
  arb_zero(result);
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < a.columns(); ++j) arb_addmul(result, a(i, j), a(i, j), bits);
  arb_sqrtpos(result, result, bits);
}

// The largest over lines of the sum of sizes; line(l, e) is entry e of line l.
template <class Entry>
void set_largest_sum(arb_ptr result, std::size_t lines, std::size_t length, const Entry& entry, long bits) {
  arb_zero(result);
  Ball sum, size;
  for (std::size_t l = 0; l < lines; ++l) {
    arb_zero(sum);
    for (std::size_t e = 0; e < length; ++e) {
      arb_abs(size, entry(l, e));
      arb_add(sum, sum, size, bits);
    }
    arb_max(result, result, sum, bits);
  }
}

void take_root(arb_ptr x, int times, long bits) {
  for (int t = 0; t < times; ++t) arb_sqrtpos(x, x, bits);
}

// |A v| / |v| for the midpoint v of a column of a power of A^T A: any v serves.
void set_stretch(arb_ptr result, const BallMatrix& a, const BallMatrix& power, long bits) {
  std::size_t longest = 0;
  for (std::size_t j = 1; j < power.columns(); ++j)
    if (arf_cmpabs(arb_midref(power(j, j)), arb_midref(power(longest, longest))) > 0) longest = j;
  BallMatrix v(a.columns(), 1), image(a.rows(), 1);
  for (std::size_t i = 0; i < a.columns(); ++i) arb_get_mid_arb(v(i, 0), power(i, longest));
  arb_mat_mul(image.get(), a.get(), v.get(), bits);
  Ball size;
  set_frobenius(size, v, bits), set_frobenius(result, image, bits);
  arb_div(result, result, size, bits);
}

}  // namespace

MatrixNorms matrix_norms(const BallMatrix& a, long bits) {
  const std::size_t rows = a.rows(), columns = a.columns();
  Ball frobenius, one, inf, low, high;
  set_frobenius(frobenius, a, bits);
  set_largest_sum(one, columns, rows, [&](std::size_t j, std::size_t i) { return a(i, j); }, bits);
  set_largest_sum(inf, rows, columns, [&](std::size_t i, std::size_t j) { return a(i, j); }, bits);
  MatrixNorms norms;
  norms.frobenius = enclosure_of(frobenius, bits), norms.one = enclosure_of(one, bits), norms.inf = enclosure_of(inf, bits);
  if (rows == 0 || columns == 0 || !arb_is_finite(frobenius)) {
    mpfr_set_zero(norms.two.lower.get(), +1);
    norms.two.upper = norms.frobenius.upper;
    return norms;
  }
  if (std::min(rows, columns) == 1 || arb_is_zero(frobenius)) {
    norms.two = norms.frobenius;
    return norms;
  }
  // |A|_2 = |A^T|_2: the Gram matrix of the shorter side.
  BallMatrix tall = a;
  if (columns > rows) {
    tall = BallMatrix(columns, rows);
    arb_mat_transpose(tall.get(), a.get());
  }
  const std::size_t n = tall.columns();
  BallMatrix transposed(n, tall.rows()), power(n, n);
  arb_mat_transpose(transposed.get(), tall.get());
  arb_mat_mul(power.get(), transposed.get(), tall.get(), bits);
  for (int k = 0; k < squarings; ++k) arb_mat_sqr(power.get(), power.get(), bits);
  set_frobenius(high, power, bits);
  arb_set_ui(low, n);
  arb_rsqrt(low, low, bits);
  arb_mul(low, low, high, bits);
  take_root(low, squarings + 1, bits), take_root(high, squarings + 1, bits);
  norms.two = enclosure_between(low, high, bits);
  // Whichever is sharper.
  Ball other;
  arb_mul(other, one, inf, bits);
  arb_sqrtpos(other, other, bits);
  for (const Enclosure& upper : {enclosure_of(other, bits), norms.frobenius})
    if (!(norms.two.upper <= upper.upper)) norms.two.upper = upper.upper;
  set_stretch(other, tall, power, bits);
  const Enclosure lower = enclosure_of(other, bits);
  if (lower.is_finite() && norms.two.lower < lower.lower) norms.two.lower = lower.lower;
  if (!norms.two.lower.is_finite() || mpfr_sgn(norms.two.lower.get()) < 0) mpfr_set_zero(norms.two.lower.get(), +1);
  return norms;
}

}  // namespace snellen
