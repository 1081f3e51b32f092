// Weighted sums over a run's tokens against sums token by token, with errors that differ from token to token as much as the models allow, and at degrees so
// low that the remainders are what makes the enclosures true.
#include "lib/world/era_attention.hpp"

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 128, fine = 256;
constexpr std::size_t head = 2;

// Rows of models: constants `constant`, falling coefficients, radius `radius`.
BallMatrix models(SplitMix64& random, std::size_t rows, std::size_t length, double constant, double size, double radius) {
  BallMatrix x(rows, length);
  for (std::size_t i = 0; i < rows; ++i) {
    double scale = size;
    for (std::size_t k = 0; k < length; ++k, scale /= 4) arb_set_d(x(i, k), scale * (static_cast<double>(random.below(17)) - 8) / 8);
    Ball c, error;
    arb_set_d(c, constant), arb_set_d(error, radius);
    arb_add(x(i, 0), x(i, 0), c, fine);
    arb_add_error(x(i, 0), error);
  }
  return x;
}

// One admissible value of row i at t: the polynomial plus `sign` times the radius.
void value(Ball& result, const BallMatrix& x, std::size_t i, arb_srcptr t, int sign) {
  BallVector exact(x.columns());
  for (std::size_t k = 0; k < x.columns(); ++k) arb_get_mid_arb(exact[k], x(i, k));
  _arb_poly_evaluate_horner(result, exact[0], static_cast<slong>(x.columns()), t, fine);
  Ball error;
  arb_get_rad_arb(error, x(i, 0));
  sign > 0 ? arb_add(result, result, error, fine) : arb_sub(result, result, error, fine);
}

// The errors' signs: all alike, or that of t, so that odd powers of t and the error add up.
int sign_at(int pattern, long j, long first, long last) { return pattern == 0 || 2 * j > first + last ? +1 : -1; }

// The sum over j of e^(dq . dk_j) weighted_j.
void add_direct(BallVector& sums, const BallVector& query, const BallMatrix& keys, const BallMatrix& weighted, arb_srcptr tau, int sign) {
  Ball score, entry;
  for (std::size_t c = 0; c < head; ++c) {
    value(entry, keys, c, tau, sign);
    arb_addmul(score, entry, query[c], fine);
  }
  arb_exp(score, score, fine);
  for (std::size_t v = 0; v <= head; ++v) {
    value(entry, weighted, v, tau, sign);
    arb_addmul(sums[v], score, entry, fine);
  }
}

struct Setting {
  std::size_t degree;
  double query_size, key_radius, weight_radius, query_radius;
  bool retired;
};

std::size_t check(const Setting& s, int pattern) {
  SplitMix64 random(s.degree + 3);
  const long first = 50, last = 90, from = 91, to = 110;
  const TaylorArithmetic taylor(bits, s.degree);
  const PowerSums past(first, last, s.degree, bits), present(from, to, s.degree, bits);
  const HeadTokens tokens{models(random, head, s.degree + 1, 0, 1, s.key_radius), models(random, 1 + head, s.degree + 1, 2, 1, s.weight_radius)};
  const HeadTokens own{models(random, head, s.degree + 1, 0, 1, s.key_radius), models(random, 1 + head, s.degree + 1, 2, 1, s.weight_radius)};
  const HeadQuery query(models(random, head, s.degree + 1, 0, s.query_size, s.query_radius));

  HeadPast memory;
  Ball weight;
  arb_set_d(weight, 1.5);
  BallVector key(head), dv(head);
  for (std::size_t c = 0; c < head; ++c) arb_set_d(key[c], 0.5 + static_cast<double>(c)), arb_set_d(dv[c], 0.25 - static_cast<double>(c));
  {
    BallVector copy(head);
    for (std::size_t c = 0; c < head; ++c) arb_set(copy[c], key[c]);
    memory.add_token(weight, std::move(copy), dv, bits);
  }
  memory.add_era(tokens, past, taylor);
  REQUIRE(memory.live() == 2);
  if (s.retired) memory.retire(query, -1000, bits);
  REQUIRE(memory.live() == (s.retired ? 0 : 2));

  const BallMatrix sums = memory.sums(query, taylor, s.retired ? -1000 : 80), of_own = own_sums(query, own, present, taylor, -80);
  std::size_t tested = 0;
  for (long n = from; n <= to; ++n) {
    Ball t, tau, found;
    present.position(t, n);
    BallVector at(head), direct(1 + head), direct_own(1 + head);
    for (std::size_t c = 0; c < head; ++c) {
      Ball entry;
      value(entry, query.rows, c, t, sign_at(pattern, n, from, to));
      arb_set(at[c], entry);
    }
    Ball score, product;
    for (std::size_t c = 0; c < head; ++c) arb_addmul(score, at[c], key[c], fine);
    arb_exp(score, score, fine);
    arb_mul(score, score, weight, fine);
    arb_set(direct[0], score);
    for (std::size_t c = 0; c < head; ++c) arb_mul(direct[1 + c], score, dv[c], fine);
    for (long j = first; j <= last; ++j) {
      past.position(tau, j);
      add_direct(direct, at, tokens.keys, tokens.weighted, tau, sign_at(pattern, j, first, last));
    }
    for (long j = from; j <= n; ++j) {
      present.position(tau, j);
      add_direct(direct_own, at, own.keys, own.weighted, tau, sign_at(pattern, j, from, to));
    }
    for (std::size_t v = 0; v <= head; ++v, ++tested) {
      INFO("degree " << s.degree << " n " << n << " row " << v << " pattern " << pattern << " retired " << s.retired);
      taylor.evaluate(found, sums.row(v), t);
      REQUIRE(arb_is_finite(found));
      REQUIRE(arb_overlaps(found, direct[v]));
      taylor.evaluate(found, of_own.row(v), t);
      REQUIRE(arb_is_finite(found));
      REQUIRE(arb_overlaps(found, direct_own[v]));
    }
  }
  return tested;
}

}  // namespace

TEST_CASE("sums over a run's tokens enclose the sums token by token") {
  std::size_t tested = 0;
  for (const std::size_t degree : {1, 2, 3, 6, 12})
    for (const int pattern : {0, 1})
      for (const bool retired : {false, true}) {
        const double query = retired ? 0x1p-4 : 0.5;
        tested += check({degree, query, 0, 0, 0, retired}, pattern);           // truncation alone
        tested += check({degree, query, 0x1p-9, 0, 0, retired}, pattern);      // the keys' errors
        tested += check({degree, query, 0, 0x1p-9, 0, retired}, pattern);      // the weights'
        tested += check({degree, query, 0, 0, 0x1p-9, retired}, pattern);      // the query's
        tested += check({degree, 0, 0, 0x1p-9, 0, retired}, pattern);          // nothing but sums of the weights
      }
  REQUIRE(tested == 5 * 2 * 2 * 5 * 20 * 3);
}
