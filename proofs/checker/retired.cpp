#include "proofs/checker/retired.hpp"

namespace snellen::check {
namespace {

// The sum of f(tau) weight over a group, f a model and moments those of one weight: at each token f is its midpoints' value but for the radii.
Number sum_of(const IntervalArithmetic& a, const Row& f, const Vector& moments, const Upper& absolute) {
  Number sum = a.zero(), term = a.zero();
  Upper radii;
  for (std::size_t b = 0; b < f.size(); ++b) {
    a.mul(term, midpoint(f[b]), moments[b]);
    a.add(sum, sum, term);
    radii += Upper::radius(f[b]);
  }
  widen(sum, radii * absolute);
  return sum;
}

}  // namespace

Upper reach_of(const Taylor& taylor, const std::vector<Row>& query) {
  Upper reach;
  for (const Row& entry : query) reach += taylor.supremum(entry);
  return reach;
}

void Retired::add(const Operations& o, const std::vector<Row>& keys, const std::vector<Vector>& moments, const std::vector<Upper>& absolute, const Upper& reach) {
  const IntervalArithmetic& a = o.arithmetic();
  const std::size_t size = keys.size();
  const Taylor taylor(o.bits(), keys[0].size() - 1);
  if (rows_.empty()) rows_.assign(moments.size(), {a.zero(), o.zeros(size), o.zeros(size * (size + 1) / 2), Upper()});
  std::vector<Row> products;  // dk_c dk_d
  for (std::size_t c = 0; c < size; ++c)
    for (std::size_t d = c; d < size; ++d) products.push_back(taylor.multiply(keys[c], keys[d]));
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    Sums& row = rows_[r];
    const auto add = [&](Number& sum, const Row& f) { a.add(sum, sum, sum_of(a, f, moments[r], absolute[r])); };
    a.add(row.plain, row.plain, moments[r][0]);
    for (std::size_t c = 0; c < size; ++c) add(row.linear[c], keys[c]);
    for (std::size_t i = 0; i < products.size(); ++i) add(row.quadratic[i], products[i]);
    row.cubic += absolute[r] * reach * reach * reach;
  }
  if (reach_ < reach) reach_ = reach;
}

void Retired::add_sums(const Taylor& taylor, const std::vector<Row>& query, std::vector<Row>& total) const {
  if (rows_.empty()) return;
  const IntervalArithmetic& a = taylor.arithmetic();
  std::vector<Row> products;  // those of s^2/2
  for (std::size_t c = 0; c < query.size(); ++c)
    for (std::size_t d = c; d < query.size(); ++d) {
      products.push_back(taylor.multiply(query[c], query[d]));
      if (c == d) taylor.scale(products.back(), a.of(0.5));
    }
  const Upper reach = reach_of(taylor, query);
  Upper rest = (reach * reach_).expm1() + Upper(1);  // and 1/6 < 1/4
  rest *= (reach * reach * reach).scaled(-2);
  Number term = a.zero();
  const auto add = [&](Row& sum, const Row& f, const Number& factor) {
    for (std::size_t k = 0; k < f.size(); ++k) {
      a.mul(term, f[k], factor);
      a.add(sum[k], sum[k], term);
    }
  };
  for (std::size_t r = 0; r < total.size(); ++r) {
    const Sums& row = rows_[r];
    a.add(total[r][0], total[r][0], row.plain);
    for (std::size_t c = 0; c < query.size(); ++c) add(total[r], query[c], row.linear[c]);
    for (std::size_t i = 0; i < products.size(); ++i) add(total[r], products[i], row.quadratic[i]);
    widen(total[r][0], rest * row.cubic);
  }
}

}  // namespace snellen::check
