#include "proofs/checker/run_past.hpp"

#include <algorithm>

namespace snellen::check {

HeadPast::Group::Group(const IntervalArithmetic& a, Side side, std::vector<Vector> sums, std::vector<Upper> sizes, Upper largest)
    : keys(std::move(side)), moments(std::move(sums)), absolute(std::move(sizes)), reach(std::move(largest)) {
  for (const Vector& row : moments) grids.emplace_back(row, grid_unit({row}, a.bits()));
}

void HeadPast::add_token(const IntervalArithmetic& a, const Vector& key, const Vector& weighted) {
  std::vector<Row> keys;
  Upper reach;
  for (const Number& k : key) {
    keys.push_back({k});
    if (const Upper size = Upper::magnitude(k); reach < size) reach = size;
  }
  std::vector<Vector> moments;
  std::vector<Upper> absolute;
  for (const Number& w : weighted) {
    moments.push_back({w});
    absolute.push_back(Upper::magnitude(w));
  }
  groups_.emplace_back(a, Side(std::move(keys), a.bits()), std::move(moments), std::move(absolute), reach);
}

void HeadPast::add_era(const IntervalArithmetic& a, std::vector<Row> keys, const std::vector<Row>& weighted, const Era& era) {
  Upper reach;
  for (const Row& row : keys)
    if (const Upper size = weighted_norm(row, 0, 0); reach < size) reach = size;
  std::vector<Vector> all;
  std::vector<Upper> absolute;
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
    all.push_back(std::move(moments));
    absolute.push_back(count * weighted_norm(model, 0, 0));
  }
  groups_.emplace_back(a, Side(std::move(keys), a.bits()), std::move(all), std::move(absolute), reach);
}

std::vector<Row> HeadPast::sums(const Taylor& taylor, const std::vector<Row>& query, long wanted) const {
  const IntervalArithmetic& a = taylor.arithmetic();
  std::vector<Row> total(query.size() + 1, taylor.zero());
  const Side side(query, a.bits());
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
    const PairExponential pair(taylor.operations(), side, group.keys, query[0].size() == 1 ? key_degree : taylor.length() - 1, wanted);
    for (std::size_t row = 0; row < total.size(); ++row) {
      const Grid& moments = group.grids[row];
      Integer sum, left_out;
      for (std::size_t i = 0; i < pair.in_t; ++i) {
        sum = 0;
        for (std::size_t b = 0; b < pair.series[i].size(); ++b) {
          if (b < moments.points.size()) mpz_addmul(raw(sum), raw(pair.series[i][b]), raw(moments.points[b]));
          else left_out += boost::multiprecision::abs(pair.series[i][b]);  // no moment of so high a power: bounded, |tau| <= 1
        }
        a.mul(term, enclosed(sum, moments.unit - pair.fraction, a.bits()), pair.factor);
        a.add(total[row][i], total[row][i], term);
      }
      widen(total[row][0], (pair.error + Upper::magnitude(enclosed(left_out, -pair.fraction, a.bits())) * Upper::magnitude(pair.factor)) * group.absolute[row] + pair.supremum * moments.largest_radius);
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
  const PairExponential pair(taylor.operations(), Side(query, a.bits()), Side(keys, a.bits()), q, wanted);
  std::vector<Vector> coefficients(pair.in_t);  // of the pair's polynomial
  std::vector<Upper> by_degree(length);
  for (std::size_t i = 0; i < pair.in_t; ++i)
    for (std::size_t b = 0; b < pair.series[i].size(); ++b) {
      coefficients[i].push_back(pair.coefficient(a, i, b));
      by_degree[i + b] += Upper::magnitude(coefficients[i][b]);
    }
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
        for (std::size_t b = 0; b <= k && b < coefficients[i].size(); ++b) {
          a.mul(term, coefficients[i][b], f[k - b]);
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
