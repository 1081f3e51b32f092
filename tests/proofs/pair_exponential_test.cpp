// Exponentials of dq(t) . dk(tau) in fixed point: within their error at every pair of points, each part of which is needed.
#include "proofs/checker/pair_exponential.hpp"

#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using namespace snellen::check;

namespace {

const IntervalArithmetic exact(400);

Number at(const std::vector<Number>& polynomial, double t) {
  Number value = exact.zero();
  for (std::size_t k = polynomial.size(); k-- > 0;) {
    exact.mul(value, value, t);
    exact.add(value, value, polynomial[k]);
  }
  return value;
}

// How far the polynomial may be from e^(q(t) . k(tau)), q and k somewhere in `query` and `key`: those at the upper ends.
Number distance(const PairExponential& pair, const std::vector<Row>& query, const std::vector<Row>& key, double t, double tau) {
  const auto ends = [](const Row& row) {
    Row result;
    for (const Number& c : row) {
      result.push_back(exact.zero());
      mpfi_set_fr(IntervalArithmetic::raw(result.back()), upper(c));
    }
    return result;
  };
  Number score = exact.zero(), term = exact.zero();
  for (std::size_t c = 0; c < query.size(); ++c) {
    exact.mul(term, at(ends(query[c]), t), at(ends(key[c]), tau));
    exact.add(score, score, term);
  }
  exact.exp(score, score);
  Number value = exact.zero();
  for (std::size_t i = 0; i < pair.in_t; ++i)
    for (std::size_t b = 0; b < pair.series[i].size(); ++b) {
      exact.mul(term, enclosed(pair.series[i][b], -pair.fraction, 400), std::pow(t, static_cast<double>(i)) * std::pow(tau, static_cast<double>(b)));
      exact.add(value, value, term);
    }
  exact.mul(value, value, pair.factor);
  exact.sub(value, value, score);
  return value;
}

// The largest at a few pairs of points, as a part of the error.
double worst(const PairExponential& pair, const std::vector<Row>& query, const std::vector<Row>& key) {
  double result = 0;
  for (const double t : {-1.0, -0.5, 0.0, 0.75, 1.0})
    for (const double tau : {-1.0, -0.25, 0.0, 0.5, 1.0}) {
      const Number off = check::midpoint(::distance(pair, query, key, t, tau));
      Dyadic part(64);
      mpfr_abs(part.get(), lower(off), MPFR_RNDN);
      mpfr_div(part.get(), part.get(), pair.error.get(), MPFR_RNDN);
      result = std::max(result, mpfr_get_d(part.get(), MPFR_RNDN));
    }
  return result;
}

std::vector<Row> rows(const IntervalArithmetic& a, SplitMix64& random, std::size_t size, std::size_t length, double scale, double grid) {
  std::vector<Row> result(size);
  for (Row& row : result)
    for (std::size_t k = 0; k < length; ++k) row.push_back(a.of(std::floor((0.5 + static_cast<double>(random.below(1024)) / 2048) * scale / grid) * grid));
  return result;
}

}  // namespace

TEST_CASE("the series of a pair's exponential is within its error, at corners and between") {
  SplitMix64 random(2);
  for (int round = 0; round < 12; ++round) {
    const long bits = round % 2 == 0 ? 160 : 60;
    const Operations o(bits);
    const std::size_t length = 1 + random.below(6), key_length = 1 + random.below(6), degree = std::max(length, key_length) + 6;
    std::vector<Row> query = rows(o.arithmetic(), random, 3, length, round % 3 == 0 ? 1.5 : 0.125, 0x1p-52), key = rows(o.arithmetic(), random, 3, key_length, 0.25, 0x1p-52);
    if (round % 4 > 1)
      for (std::vector<Row>* side : {&query, &key})
        for (Row& row : *side)
          for (Number& c : row) mpfr_add_d(upper(c), upper(c), 0x1p-30, MPFR_RNDU);
    const PairExponential pair(o, Side(query, bits), Side(key, bits), degree, -100);
    CAPTURE(round, bits, length, key_length, pair.degree);
    CHECK(worst(pair, query, key) <= 1);
  }
}

TEST_CASE("what is rounded, what is not known and what is left out each count") {
  const Operations coarse(20), fine(160);
  const IntervalArithmetic& a = fine.arithmetic();
  const auto row = [&](std::initializer_list<double> coefficients) {
    Row result;
    for (const double c : coefficients) result.push_back(a.of(c));
    return result;
  };
  const auto known_to = [](Row x, std::size_t k, double width) {
    mpfr_add_d(upper(x[k]), upper(x[k]), width, MPFR_RNDU);
    return x;
  };
  const auto part = [](const Operations& o, const Row& query, const Row& key, long grid, std::size_t degree) {
    const PairExponential pair(o, Side({query}, grid), Side({key}, grid), degree, -1000);
    return worst(pair, {query}, {key});
  };
  // Linear, so that nothing is left out beyond the 60th degree but 2^-90. Short numbers, their products whole in the series' units: nothing but its own roundings.
  const Row query = row({0, 0.75}), key = row({0.625, 0.875});
  CHECK((part(coarse, query, key, 20, 60) <= 1 && part(coarse, query, key, 20, 60) > 0x1p-12));
  // A grid that is coarser than the numbers.
  const Row thirds = row({0.25, 1 / 3.0}), sevenths = row({0.5, 1 / 7.0});
  CHECK((part(fine, thirds, sevenths, 8, 80) <= 1 && part(fine, thirds, sevenths, 8, 80) > 0x1p-6));
  // One side is not known exactly, in a coefficient that moves or in one that does not.
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
    CHECK((part(fine, known_to(query, k, 0x1p-20), key, 160, 80) <= 1 && part(fine, known_to(query, k, 0x1p-20), key, 160, 80) > 0x1p-6));
    CHECK((part(fine, query, known_to(key, k, 0x1p-20), 160, 80) <= 1 && part(fine, query, known_to(key, k, 0x1p-20), 160, 80) > 0x1p-6));
  }
  CHECK((part(fine, known_to(row({2}), 0, 0x1p-20), row({2}), 160, 0) <= 1 && part(fine, known_to(row({2}), 0, 0x1p-20), row({2}), 160, 0) > 0x1p-6));
  // A degree that is far too low.
  CHECK((part(fine, query, key, 160, 2) <= 1 && part(fine, query, key, 160, 2) > 0x1p-6));
}
