#include "proofs/checker/run_past.hpp"

#include <algorithm>

namespace snellen::check {

namespace {

void times(Number& x, std::size_t factor) { mpfi_mul_ui(IntervalArithmetic::raw(x), IntervalArithmetic::raw(x), factor); }

}  // namespace

Side::Side(std::vector<Row> r) : rows(std::move(r)) {
  for (const Row& row : rows) constants.push_back(Upper::magnitude(row[0])), moving.push_back(majorants(row, 1));
}

PairExponential::PairExponential(const Operations& o, const Side& query_side, const Side& key_side, std::size_t most, long wanted) {
  const IntervalArithmetic& a = o.arithmetic();
  const std::vector<Row>&query = query_side.rows, &key = key_side.rows;
  const std::size_t query_length = query[0].size(), key_length = key[0].size();
  // At R = 2^e, at least the sum of |coefficient| R^degree of s(t, tau) = dq . dk without its constant.
  Majorants bounds;
  for (std::size_t c = 0; c < query.size(); ++c)
    for (std::size_t e = 0; e < bounds.size(); ++e) {
      const Upper &q = query_side.moving[c][e], &k = key_side.moving[c][e];
      bounds[e] += query_side.constants[c] * k + q * key_side.constants[c] + q * k;
    }
  const ExponentialTail beyond(bounds);
  Upper tail;
  const Upper allowed = Upper(1).scaled(wanted);
  for (degree = 0;; ++degree) {
    tail = beyond.beyond(degree);
    if (degree == most || tail < allowed) break;
  }

  in_t = std::min(query_length, degree + 1);
  std::vector<std::vector<Number>> s(in_t);
  Number term = a.zero();
  for (std::size_t i = 0; i < in_t; ++i)
    for (std::size_t j = 0; i + j <= degree; ++j) {
      s[i].push_back(a.zero());
      if (j >= key_length) continue;
      for (std::size_t c = 0; c < query.size(); ++c) {
        a.mul(term, query[c][i], key[c][j]);
        a.add(s[i][j], s[i][j], term);
      }
    }

  // E = e^(s - s_00). In tau alone: b E_0b = sum over j of j s_0j E_0(b-j). Then in t: i E_i = sum over k of k s_k E_(i-k), polynomials in tau.
  coefficients.resize(in_t);
  const std::size_t in_tau = degree + 1;
  for (std::size_t b = 0; b < in_tau; ++b) {
    Number sum = b == 0 ? a.of(1) : a.zero();
    for (std::size_t j = 1; j <= std::min(b, key_length - 1); ++j) {
      a.mul(term, s[0][j], coefficients[0][b - j]);
      times(term, j);
      a.add(sum, sum, term);
    }
    if (b > 0) a.div(sum, sum, a.of(static_cast<double>(b)));
    coefficients[0].push_back(sum);
  }
  for (std::size_t i = 1; i < in_t; ++i)
    for (std::size_t b = 0; i + b <= degree; ++b) {
      Number sum = a.zero();
      for (std::size_t k = 1; k <= i; ++k)
        for (std::size_t j = 0; j <= std::min(b, key_length - 1); ++j) {
          a.mul(term, s[k][j], coefficients[i - k][b - j]);
          times(term, k);
          a.add(sum, sum, term);
        }
      a.div(sum, sum, a.of(static_cast<double>(i)));
      coefficients[i].push_back(sum);
    }

  Number factor = a.zero();
  a.exp(factor, s[0][0]);
  error = tail * Upper::magnitude(factor);
  for (auto& row : coefficients)
    for (Number& x : row) {
      a.mul(x, x, factor);
      error += Upper::radius(x);
      x = midpoint(x);
      supremum += Upper::magnitude(x);
    }
}

void HeadPast::add_token(const Vector& key, const Vector& weighted) {
  std::vector<Row> keys;
  Upper reach;
  for (const Number& k : key) {
    keys.push_back({k});
    if (const Upper size = Upper::magnitude(k); reach < size) reach = size;
  }
  Group group{Side(std::move(keys)), {}, {}, reach};
  for (const Number& w : weighted) {
    group.moments.push_back({w});
    group.absolute.push_back(Upper::magnitude(w));
  }
  groups_.push_back(std::move(group));
}

void HeadPast::add_era(const IntervalArithmetic& a, std::vector<Row> keys, const std::vector<Row>& weighted, const Era& era) {
  Upper reach;
  for (const Row& row : keys)
    if (const Upper size = weighted_norm(row, 0, 0); reach < size) reach = size;
  Group group{Side(std::move(keys)), {}, {}, reach};
  const Upper count = Upper::magnitude(era.count());
  Number term = a.zero();
  for (const Row& model : weighted) {
    const std::size_t length = model.size();
    Vector middle, moments;
    Upper radii;  // the error of the midpoints differs from token to token: it is counted
    for (const Number& c : model) middle.push_back(midpoint(c)), radii += Upper::radius(c);
    for (std::size_t b = 0; b < length; ++b) {
      Number sum = a.zero();
      for (std::size_t l = 0; l < length; ++l) {
        a.mul(term, middle[l], era.whole(b + l));
        a.add(sum, sum, term);
      }
      widen(sum, count * radii);
      moments.push_back(sum);
    }
    group.moments.push_back(std::move(moments));
    group.absolute.push_back(count * weighted_norm(model, 0, 0));
  }
  groups_.push_back(std::move(group));
}

std::vector<Row> HeadPast::sums(const Taylor& taylor, const std::vector<Row>& query, long wanted) const {
  const IntervalArithmetic& a = taylor.arithmetic();
  std::vector<Row> total(query.size() + 1, taylor.zero());
  const Side side(query);
  retired_.add_sums(taylor, query, total);
  Number term = a.zero();
  for (const Group& group : groups_) {
    if (query[0].size() == 1 && group.keys.rows[0].size() == 1) {
      Number weight = a.zero();
      for (std::size_t c = 0; c < query.size(); ++c) {
        a.mul(term, query[c][0], group.keys.rows[c][0]);
        a.add(weight, weight, term);
      }
      taylor.operations().exp(weight);
      for (std::size_t row = 0; row < total.size(); ++row) {
        a.mul(term, weight, group.moments[row][0]);
        a.add(total[row][0], total[row][0], term);
      }
      continue;
    }
    const std::size_t key_degree = group.keys.rows[0].size() - 1;
    // A query that does not move needs all powers of the keys; a token's keys need all powers of the query.
    const PairExponential pair(taylor.operations(), side, group.keys, std::max(taylor.length() - 1, key_degree), wanted);
    for (std::size_t row = 0; row < total.size(); ++row) {
      const Vector& moments = group.moments[row];
      Upper beyond = pair.error * group.absolute[row];
      for (std::size_t i = 0; i < pair.in_t; ++i)
        for (std::size_t b = 0; b < pair.coefficients[i].size(); ++b) {
          if (b >= moments.size()) {  // no moment of so high a power: bounded, |tau| <= 1
            beyond += Upper::magnitude(pair.coefficients[i][b]) * group.absolute[row];
            continue;
          }
          a.mul(term, pair.coefficients[i][b], moments[b]);
          a.add(total[row][i], total[row][i], term);
        }
      widen(total[row][0], beyond);
    }
  }
  return total;
}

void HeadPast::retire(const Taylor& taylor, const std::vector<Row>& query, const std::vector<Row>& total, long wanted) {
  const auto largest = [](const std::vector<Upper>& sizes) { return *std::max_element(sizes.begin() + 1, sizes.end()); };
  std::vector<Upper> sizes;
  for (const Row& row : total) sizes.push_back(Upper::magnitude(row[0]).scaled(wanted));
  const Upper reach = reach_of(taylor, query), moved = largest(sizes);
  std::erase_if(groups_, [&](const Group& group) {
    const Upper score = reach * group.reach, rest = score * score * score;
    if (!(rest * group.absolute[0] < sizes[0] && rest * largest(group.absolute) < moved)) return false;
    retired_.add(taylor.operations(), group.keys.rows, group.moments, group.absolute, group.reach);
    return true;
  });
}

std::vector<Row> own_sums(const Taylor& taylor, const std::vector<Row>& query, const std::vector<Row>& keys, const std::vector<Row>& weighted, const Era& era, long wanted) {
  const IntervalArithmetic& a = taylor.arithmetic();
  const std::size_t length = taylor.length(), q = length - 1;
  const PairExponential pair(taylor.operations(), Side(query), Side(keys), q, wanted);
  std::vector<Upper> by_degree(length);  // of the pair's polynomial
  for (std::size_t i = 0; i < pair.in_t; ++i)
    for (std::size_t b = 0; b < pair.coefficients[i].size(); ++b) by_degree[i + b] += Upper::magnitude(pair.coefficients[i][b]);
  const Upper count = Upper::magnitude(era.count());

  std::vector<Row> total;
  Number term = a.zero();
  for (const Row& model : weighted) {
    Vector f;
    Upper radii;
    for (const Number& c : model) f.push_back(midpoint(c)), radii += Upper::radius(c);
    // At each token: the error of the exponential, of the model, and what their product has beyond total degree q.
    Upper error = pair.error * weighted_norm(model, 0, 0) + pair.supremum * radii, tail;
    for (std::size_t m = 1; m <= q; ++m) {
      tail += Upper::magnitude(f[length - m]);
      error += by_degree[m] * tail;
    }
    Vector sum(length + 1, a.zero());
    for (std::size_t i = 0; i < pair.in_t; ++i)
      for (std::size_t k = 0; i + k <= q; ++k) {  // t^i tau^k
        Number g = a.zero();
        for (std::size_t b = 0; b <= k && b < pair.coefficients[i].size(); ++b) {
          a.mul(term, pair.coefficients[i][b], f[k - b]);
          a.add(g, g, term);
        }
        for (std::size_t p = 0; p < era.part(k).size(); ++p) {
          a.mul(term, g, era.part(k)[p]);
          a.add(sum[i + p], sum[i + p], term);
        }
      }
    Row result(sum.begin(), sum.end() - 1);
    widen(result[0], count * error + Upper::magnitude(sum.back()));
    total.push_back(std::move(result));
  }
  return total;
}

}  // namespace snellen::check
