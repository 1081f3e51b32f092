#include "proofs/checker/pair_exponential.hpp"

#include <algorithm>

namespace snellen::check {
namespace {

constexpr long spare_bits = 32;

// x 2^exponent, rounded down to a whole number.
void shift(Integer& x, long exponent) {
  if (exponent >= 0) mpz_mul_2exp(raw(x), raw(x), static_cast<mp_bitcnt_t>(exponent));
  else mpz_fdiv_q_2exp(raw(x), raw(x), static_cast<mp_bitcnt_t>(-exponent));
}

void add_product(Integer& sum, const Integer& x, const Integer& y) {
  if (mpz_sgn(raw(x)) != 0 && mpz_sgn(raw(y)) != 0) mpz_addmul(raw(sum), raw(x), raw(y));
}

}  // namespace

Side::Side(std::vector<Row> r, long bits) : rows(std::move(r)) {
  const long unit = grid_unit(rows, bits);
  for (const Row& row : rows) constants.push_back(Upper::magnitude(row[0])), moving.push_back(majorants(row, 1)), grids.emplace_back(row, unit);
}

PairExponential::PairExponential(const Operations& o, const Side& query, const Side& key, std::size_t most, long wanted) {
  const std::size_t size = query.rows.size(), query_length = query.rows[0].size(), key_length = key.rows[0].size();
  // At R = 2^e, at least the sum of |coefficient| R^degree of sigma.
  Majorants bounds;
  Upper radii;  // of s's coefficients in sum
  for (std::size_t c = 0; c < size; ++c) {
    for (std::size_t e = 0; e < bounds.size(); ++e) {
      const Upper &q = query.moving[c][e], &k = key.moving[c][e];
      bounds[e] += query.constants[c] * k + q * key.constants[c] + q * k;
    }
    const Upper &of_query = query.grids[c].sum_of_radii, &of_key = key.grids[c].sum_of_radii;
    radii += of_query * (key.constants[c] + key.moving[c][0] + of_key) + (query.constants[c] + query.moving[c][0]) * of_key;
  }
  const ExponentialTail beyond(bounds);
  Upper tail;
  const Upper allowed = Upper(1).scaled(wanted);
  for (degree = 0;; ++degree) {
    tail = beyond.beyond(degree);
    if (degree == most || tail < allowed) break;
  }
  fraction = o.bits() + spare_bits;
  in_t = query_length == 1 ? 1 : degree + 1, in_tau = key_length == 1 ? 1 : degree + 1;

  const long exponent = query.grids[0].unit + key.grids[0].unit + fraction;
  const std::size_t s_in_t = std::min(query_length, in_t), s_in_tau = std::min(key_length, in_tau);
  std::vector<std::vector<Integer>> s(s_in_t);
  std::size_t cut = 0;
  for (std::size_t i = 0; i < s_in_t; ++i)
    for (std::size_t j = 0; j < s_in_tau && i + j <= degree; ++j) {
      Integer sum = 0;
      for (std::size_t c = 0; c < size; ++c) add_product(sum, query.grids[c].points[i], key.grids[c].points[j]);
      shift(sum, exponent);
      if (exponent < 0) ++cut;
      s[i].push_back(std::move(sum));
    }
  const Upper unit = Upper(1).scaled(-fraction);
  radii += Upper(static_cast<double>(cut)) * unit;

  // In tau alone: b E_0b = sum over j of j s_0j E_0(b-j). Then in t: a E_a = sum over k of k s_k E_(a-k), polynomials in tau.
  series.resize(in_t);
  Integer one = 1, sum;
  shift(one, fraction);
  const auto divide = [&](std::size_t by) {
    shift(sum, -fraction);
    mpz_fdiv_q_ui(raw(sum), raw(sum), by);
  };
  std::vector<std::vector<Integer>> slopes = s;  // k s_k; of s_0 j s_0j
  for (std::size_t k = 0; k < slopes.size(); ++k)
    for (std::size_t j = 0; j < slopes[k].size(); ++j) slopes[k][j] *= static_cast<unsigned long>(k == 0 ? j : k);
  series[0].push_back(one);
  for (std::size_t b = 1; b < in_tau; ++b) {
    sum = 0;
    for (std::size_t j = 1; j <= std::min(b, slopes[0].size() - 1); ++j) add_product(sum, slopes[0][j], series[0][b - j]);
    divide(b);
    series[0].push_back(sum);
  }
  for (std::size_t i = 1; i < in_t; ++i)
    for (std::size_t b = 0; b < in_tau && i + b <= degree; ++b) {
      sum = 0;
      for (std::size_t k = 1; k <= std::min(i, slopes.size() - 1); ++k)
        for (std::size_t j = 0; j < std::min(b + 1, slopes[k].size()); ++j) add_product(sum, slopes[k][j], series[i - k][b - j]);
      divide(i);
      series[i].push_back(sum);
    }

  Integer total = 0;
  std::size_t coefficients = 0;
  for (const std::vector<Integer>& row : series)
    for (const Integer& x : row) total += boost::multiprecision::abs(x), ++coefficients;
  Number score = enclosed(s[0][0], -fraction, o.bits());
  o.exp(score);
  factor = midpoint(score);
  const Upper spread = radii.expm1(), growth = (bounds[0] + radii).expm1() + Upper(1), of_series = Upper::magnitude(enclosed(total, -fraction, o.bits()));
  error = Upper::magnitude(score) * (tail * (spread + Upper(1)) + growth * (spread + Upper(static_cast<double>(coefficients)) * unit)) + Upper::radius(score) * of_series;
  supremum = Upper::magnitude(factor) * of_series;
}

Number PairExponential::coefficient(const IntervalArithmetic& arithmetic, std::size_t i, std::size_t b) const {
  Number result = enclosed(series[i][b], -fraction, arithmetic.bits());
  arithmetic.mul(result, result, factor);
  return result;
}

}  // namespace snellen::check
