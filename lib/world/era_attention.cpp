#include "lib/world/era_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "lib/number/magnitude_functions.hpp"

namespace snellen {
namespace {

Magnitude norm_of(const BallMatrix& rows, const TaylorArithmetic* taylor) {
  Magnitude sum;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const Magnitude entry = taylor ? taylor->supremum(rows.row(i)) : weighted_norm(rows.row(i), 0, static_cast<slong>(rows.columns()), 0);
    sum += entry * entry;
  }
  mag_sqrt(sum.get(), sum.get());
  return sum;
}

// Beyond the accuracy wanted of a pair's exponential.
constexpr long guard_bits = 48;

// e^s(t, tau) for s = sum_c dq_c(t) dk_c(tau), |t|, |tau| <= 1: exact coefficients (a, b) of t^a tau^b, a + b <= degree, and an error that holds at each
// pair of points.
struct PairExponential {
  slong degree = 0;
  BallMatrix coefficients;  // [degree + 1, degree + 1]; [1, degree + 1] where the query's degree is 0
  Magnitude error, supremum;  // at least |e^s - polynomial|, at least |polynomial|

  // The degree is the least, up to the largest possible, whose truncation costs at most about 2^wanted; rounding, to no more than `most_bits`, costs less.
  PairExponential(const BallMatrix& query, const BallMatrix& key, slong most, double wanted, long most_bits) {
    const auto bits = static_cast<long>(std::min(static_cast<double>(most_bits), guard_bits + std::max(0.0, -wanted)));
    const std::size_t size = query.rows();
    const auto query_length = static_cast<slong>(query.columns()), key_length = static_cast<slong>(key.columns());
    // |s - s_mid| <= sigma, s_mid made of the midpoints.
    Magnitude sigma;
    std::array<Magnitude, 7> majorants;  // at R = 2^e: at least the sum of |coefficient| R^degree of s_mid without its constant
    Ball constant;
    for (std::size_t c = 0; c < size; ++c) {
      arb_srcptr q = query.row(c), k = key.row(c);
      const Magnitude q_radius = Magnitude::radius_of(q), k_radius = Magnitude::radius_of(k);
      sigma += weighted_norm(q, 0, query_length, 0) * k_radius + q_radius * weighted_norm(k, 0, key_length, 0);
      Ball q0, k0;
      arb_get_mid_arb(q0, q), arb_get_mid_arb(k0, k);
      arb_addmul(constant, q0, k0, bits);
      for (std::size_t e = 0; e < majorants.size(); ++e) {
        const Magnitude q_rest = weighted_norm(q, 1, query_length, static_cast<long>(e)), k_rest = weighted_norm(k, 1, key_length, static_cast<long>(e));
        majorants[e] += Magnitude::of(k0) * q_rest + k_rest * Magnitude::of(q0) + q_rest * k_rest;
      }
    }
    Magnitude tail;
    for (degree = 0;; ++degree) {
      tail = exponential_tail(static_cast<std::size_t>(degree), [&](long e) { return majorants[static_cast<std::size_t>(e)]; });
      if (degree == most || tail.log2() <= wanted) break;
    }

    const slong length = degree + 1;
    const auto n = static_cast<std::size_t>(length), in_t = query_length == 1 ? 1 : n;  // a query of degree 0 leaves no power of t
    BallMatrix s(in_t, n);  // s(a, b), a + b <= degree, midpoints' products; s(0, 0) = 0
    BallMatrix q_mid(size, n), k_mid(size, n);
    for (std::size_t c = 0; c < size; ++c)
      for (slong i = 0; i < length; ++i) {
        if (i < query_length) arb_get_mid_arb(q_mid(c, static_cast<std::size_t>(i)), query.row(c) + i);
        if (i < key_length) arb_get_mid_arb(k_mid(c, static_cast<std::size_t>(i)), key.row(c) + i);
      }
    for (std::size_t a = 0; a < in_t; ++a)
      for (std::size_t b = 0; a + b < n; ++b)
        if (a + b > 0) arb_dot(s(a, b), nullptr, 0, q_mid(0, a), length, k_mid(0, b), length, static_cast<slong>(size), bits);

    // E = e^s: E_0 = e^(s_0), a E_a = sum_{k=1..a} k s_k E_{a-k}, polynomials in tau.
    coefficients = BallMatrix(in_t, n);
    if (length == 1) arb_one(coefficients(0, 0));
    else _arb_poly_exp_series(coefficients.row(0), s.row(0), length, length, bits);
    for (std::size_t k = 2; k < in_t; ++k)
      for (std::size_t b = 0; k + b < n; ++b) arb_mul_ui(s(k, b), s(k, b), k, bits);
    BallVector product(n);
    for (std::size_t a = 1; a < in_t; ++a) {
      const slong keep = length - static_cast<slong>(a);
      for (std::size_t k = 1; k <= a; ++k) {
        _arb_poly_mullow(product[0], s.row(k), keep, coefficients.row(a - k), keep, keep, bits);
        _arb_vec_add(coefficients.row(a), coefficients.row(a), product[0], keep, bits);
      }
      for (slong b = 0; b < keep; ++b) arb_div_ui(coefficients.row(a) + b, coefficients.row(a) + b, a, bits);
    }

    Ball factor;
    arb_exp(factor, constant, bits);
    error = tail * Magnitude::of(factor);
    for (std::size_t a = 0; a < in_t; ++a)
      for (std::size_t b = 0; a + b < n; ++b) {
        arb_ptr x = coefficients(a, b);
        arb_mul(x, x, factor, bits);
        error += Magnitude::radius_of(x);
        mag_zero(arb_radref(x));
        supremum += Magnitude::of(x);
      }
    error += Magnitude::of(factor) * exponential(majorants[0]) * expm1(sigma);
  }
};

// Sums over many tokens keep terms of e^s up to this order in s: the second pays for itself where it has few features.
constexpr std::size_t largest_quadratic_head = 16;
unsigned long order_of(std::size_t head_size) { return head_size <= largest_quadratic_head ? 2 : 1; }

// Features of a vector of h entries: 1, x_c, and for order 2 x_c x_d with c <= d.
std::size_t feature_count(std::size_t h) { return order_of(h) == 2 ? 1 + h + h * (h + 1) / 2 : 1 + h; }

Magnitude power(Magnitude x, unsigned long exponent) {
  mag_pow_ui(x.get(), x.get(), exponent);
  return x;
}

// About the vector that `size` entries are in the middle of an era, entry(i) its i-th one's constant.
template <class F>
std::vector<double> middle_of(std::size_t size, const F& entry) {
  std::vector<double> middle;
  for (std::size_t i = 0; i < size; ++i) middle.push_back(arf_get_d(arb_midref(entry(i)), ARF_RND_NEAR));
  return middle;
}
std::vector<double> middle_of(const BallMatrix& models) {
  return middle_of(models.rows(), [&](std::size_t i) { return models.row(i); });
}

// log2 of about e^(dq . dk) in the middle; within the range of exponents.
double log2_factor(const HeadQuery& query, const std::vector<double>& key) {
  double score = 0;
  for (std::size_t c = 0; c < key.size(); ++c) score += query.middle[c] * key[c];
  const double result = score / std::numbers::ln2;
  return result > -1e9 && result < 1e9 ? result : 0;
}

}  // namespace

HeadQuery::HeadQuery(BallMatrix models) : rows(std::move(models)), norm(norm_of(rows, nullptr)), middle(middle_of(rows)) {}

void HeadPast::prepare(std::size_t head_size) {
  if (!retired_.rest.empty()) return;
  retired_.features = BallMatrix(1 + head_size, feature_count(head_size));
  retired_.rest.resize(1 + head_size);
  retired_.absolute.resize(1 + head_size);
}

void HeadPast::add_token(arb_srcptr weight, BallVector key, const BallVector& value, long bits) {
  const std::size_t size = key.size();
  prepare(size);
  Token token{BallVector(size), BallVector(1 + size), middle_of(size, [&](std::size_t i) -> arb_srcptr { return key[i]; }), {}, {}};
  Magnitude squares;
  for (std::size_t i = 0; i < size; ++i) {
    const Magnitude entry = Magnitude::of(key[i]);
    squares += entry * entry;
  }
  mag_sqrt(token.key_norm.get(), squares.get());
  arb_set(token.weighted[0], weight);
  for (std::size_t i = 0; i < size; ++i) arb_mul(token.weighted[1 + i], weight, value[i], bits);
  for (std::size_t i = 0; i <= size; ++i) token.absolute.push_back(Magnitude::of(token.weighted[i]));
  token.key = std::move(key);
  tokens_.push_back(std::move(token));
}

namespace {

// The sum over an era's tokens of a Taylor model: the midpoints by power sums, the error at each token at most the radius.
void sum_over(arb_ptr result, arb_srcptr model, const PowerSums& sums, std::size_t power, slong length, const Magnitude& count, long bits) {
  Ball middle;
  arb_zero(result);
  for (slong l = 0; l < length; ++l) {
    arb_get_mid_arb(middle, model + l);
    arb_addmul(result, middle, sums.whole(power + static_cast<std::size_t>(l)), bits);
  }
  const Magnitude error = count * Magnitude::radius_of(model);
  arb_add_error_mag(result, error.get());
}

Magnitude count_of(const PowerSums& sums) {
  Ball count;
  set_length(count, sums.count());
  return Magnitude::of(count);
}

// At least the sums over an era's tokens of |weight (1, dv)|.
std::vector<Magnitude> absolute_sums(const BallMatrix& weighted, const Magnitude& count, const TaylorArithmetic& taylor) {
  std::vector<Magnitude> result;
  for (std::size_t v = 0; v < weighted.rows(); ++v) result.push_back(count * taylor.supremum(weighted.row(v)));
  return result;
}

}  // namespace

void HeadPast::add_era(const HeadTokens& tokens, const PowerSums& sums, const TaylorArithmetic& taylor) {
  const std::size_t size = tokens.keys.rows(), rows = 1 + size, length = tokens.keys.columns(), features = feature_count(size);
  const long bits = taylor.bits();
  prepare(size);
  const Magnitude count = count_of(sums);
  Era era{tokens.keys, middle_of(tokens.keys), BallMatrix(rows, length), BallMatrix(rows, features), norm_of(tokens.keys, &taylor),
          absolute_sums(tokens.weighted, count, taylor)};
  for (std::size_t v = 0; v < rows; ++v)
    for (std::size_t b = 0; b < length; ++b) sum_over(era.moments(v, b), tokens.weighted.row(v), sums, b, taylor.length(), count, bits);

  // The sum of f m over the tokens, f = F + error, m = M + error with exact polynomials: F M summed by power sums, no power of it left out.
  BallVector m(length), sums_of_m(length), middle(length);
  BallMatrix f(rows, length);
  for (std::size_t v = 0; v < rows; ++v)
    for (std::size_t l = 0; l < length; ++l) arb_get_mid_arb(f(v, l), tokens.weighted(v, l));
  const auto add_feature = [&](std::size_t feature) {  // m
    for (std::size_t l = 0; l < length; ++l) arb_get_mid_arb(middle[l], m[l]);
    for (std::size_t l = 0; l < length; ++l) arb_dot(sums_of_m[l], nullptr, 0, middle[0], 1, sums.whole(l), 1, taylor.length(), bits);
    const Magnitude m_supremum = taylor.supremum(m[0]), m_error = Magnitude::radius_of(m[0]);
    for (std::size_t v = 0; v < rows; ++v) {
      arb_dot(era.features(v, feature), nullptr, 0, f.row(v), 1, sums_of_m[0], 1, taylor.length(), bits);
      const Magnitude error = count * (Magnitude::radius_of(tokens.weighted.row(v)) * m_supremum + taylor.supremum(tokens.weighted.row(v)) * m_error);
      arb_add_error_mag(era.features(v, feature), error.get());
    }
  };
  for (std::size_t v = 0; v < rows; ++v) arb_set(era.features(v, 0), era.moments(v, 0));
  for (std::size_t c = 0; c < size; ++c) {
    _arb_vec_set(m[0], tokens.keys.row(c), taylor.length());
    add_feature(1 + c);
  }
  for (std::size_t c = 0, feature = 1 + size; feature < features; ++c)
    for (std::size_t d = c; d < size; ++d, ++feature) {
      taylor.multiply(m[0], tokens.keys.row(c), tokens.keys.row(d));
      add_feature(feature);
    }
  eras_.push_back(std::move(era));
}

HeadPast::Scale HeadPast::scale(const HeadQuery& query) const {
  const std::size_t rows = retired_.absolute.size();
  if (rows == 0) return {-1e300, -1e300};
  std::vector<Magnitude> total = retired_.absolute;
  const auto add = [&](const std::vector<double>& key, const std::vector<Magnitude>& absolute) {
    const long factor = std::lround(log2_factor(query, key));
    for (std::size_t v = 0; v < rows; ++v) total[v] += shifted(absolute[v], factor);
  };
  for (const Token& token : tokens_) add(token.middle, token.absolute);
  for (const Era& era : eras_) add(era.middle, era.absolute);
  Scale scale{total[0].log2(), -1e300};
  for (std::size_t v = 1; v < rows; ++v) scale.deviation = std::max(scale.deviation, total[v].log2());
  return scale;
}

namespace {

// log2 of mass times (largest |dv| of its tokens + deviation of the whole): what an error relative to the tokens' weights does to N - o Z.
double importance(const std::vector<Magnitude>& absolute, double mean_deviation) {
  double largest = absolute[0].log2() + mean_deviation;
  for (std::size_t v = 1; v < absolute.size(); ++v) largest = std::max(largest, absolute[v].log2());
  return largest + 1;
}

// log2 of what each of `terms` sums may cost.
double share(const HeadPast::Scale& whole, long accuracy, std::size_t terms) {
  return whole.deviation - static_cast<double>(accuracy) - std::log2(static_cast<double>(terms));
}

}  // namespace

void HeadPast::retire_one(const BallMatrix& features, const Magnitude& key_norm, const std::vector<Magnitude>& absolute, long bits) {
  arb_mat_add(retired_.features.get(), retired_.features.get(), features.get(), bits);
  const Magnitude rest = power(key_norm, order_of(absolute.size() - 1) + 1);
  for (std::size_t v = 0; v < absolute.size(); ++v) {
    retired_.rest[v] += absolute[v] * rest;
    retired_.absolute[v] += absolute[v];
  }
  if (retired_.key_norm < key_norm) retired_.key_norm = key_norm;
}

void HeadPast::retire(const HeadQuery& query, long accuracy, long bits) {
  const Scale whole = scale(query);
  const double allowed = share(whole, accuracy, live() + 1);
  const auto order = static_cast<double>(order_of(retired_.rest.size() - 1));
  const auto negligible = [&](const Magnitude& key_norm, const std::vector<Magnitude>& absolute) {
    const double score = (query.norm * key_norm).log2();
    return score < -1 && (order + 1) * score - order + importance(absolute, whole.deviation - whole.mass) <= allowed;
  };
  const auto retires_token = [&](const Token& token) {
    if (!negligible(token.key_norm, token.absolute)) return false;
    const std::size_t rows = token.weighted.size(), size = token.key.size();
    BallMatrix features(rows, feature_count(size));
    for (std::size_t v = 0; v < rows; ++v) {
      arb_set(features(v, 0), token.weighted[v]);
      for (std::size_t c = 0; c < size; ++c) arb_mul(features(v, 1 + c), token.weighted[v], token.key[c], bits);
      for (std::size_t c = 0, feature = 1 + size; feature < features.columns(); ++c)
        for (std::size_t d = c; d < size; ++d, ++feature) arb_mul(features(v, feature), features(v, 1 + c), token.key[d], bits);
    }
    retire_one(features, token.key_norm, token.absolute, bits);
    return true;
  };
  const auto retires_era = [&](const Era& era) {
    if (!negligible(era.key_norm, era.absolute)) return false;
    retire_one(era.features, era.key_norm, era.absolute, bits);
    return true;
  };
  std::erase_if(tokens_, retires_token);
  std::erase_if(eras_, retires_era);
}

double HeadPast::wanted(const HeadQuery& query, const HeadTokens& own, const PowerSums& sums, const TaylorArithmetic& taylor, long accuracy) const {
  const std::vector<Magnitude> absolute = absolute_sums(own.weighted, count_of(sums), taylor);
  const Scale whole = scale(query);
  const double least = share(whole, accuracy, live() + 1) - importance(absolute, whole.deviation - whole.mass) - log2_factor(query, middle_of(own.keys));
  return std::max(least, static_cast<double>(-accuracy));
}

BallMatrix HeadPast::sums(const HeadQuery& query, const TaylorArithmetic& taylor, long accuracy) const {
  const std::size_t rows = retired_.rest.size(), size = rows - 1;
  const auto length = taylor.length();
  const long bits = taylor.bits();
  BallMatrix total(rows, static_cast<std::size_t>(length));

  // e^s = 1 + s + s^2/2 + ..., s^2/2 = the sum over c < d of dq_c dq_d dk_c dk_d plus half the squares; the rest is at most
  // |s|^(order+1) / (order+1)! e^|s|, |s| <= |dq| |dk|.
  BallMatrix factors(feature_count(size), static_cast<std::size_t>(length));
  arb_one(factors(0, 0));
  for (std::size_t c = 0; c < size; ++c) _arb_vec_set(factors.row(1 + c), query.rows.row(c), length);
  for (std::size_t c = 0, feature = 1 + size; feature < factors.rows(); ++c)
    for (std::size_t d = c; d < size; ++d, ++feature) {
      taylor.multiply(factors.row(feature), query.rows.row(c), query.rows.row(d));
      if (c == d) _arb_vec_scalar_mul_2exp_si(factors.row(feature), factors.row(feature), length, -1);
    }
  arb_mat_mul(total.get(), retired_.features.get(), factors.get(), bits);
  const unsigned long order = order_of(size);
  const Magnitude rest = shifted(power(query.norm, order + 1) * exponential(query.norm * retired_.key_norm), -static_cast<long>(order));
  for (std::size_t v = 0; v < rows; ++v) taylor.add_error(total.row(v), rest * retired_.rest[v]);

  BallVector score(static_cast<std::size_t>(length)), weight(static_cast<std::size_t>(length));
  for (const Token& token : tokens_) {
    _arb_vec_zero(score[0], length);
    for (std::size_t c = 0; c < size; ++c) _arb_vec_scalar_addmul(score[0], query.rows.row(c), length, token.key[c], bits);
    taylor.sweep(score[0]);
    taylor.exp(weight[0], score[0]);
    for (std::size_t v = 0; v < rows; ++v) _arb_vec_scalar_addmul(total.row(v), weight[0], length, token.weighted[v], bits);
  }

  const Scale whole = scale(query);
  const double allowed = share(whole, accuracy, live() + 1);
  Ball term;
  for (const Era& era : eras_) {
    // A query of degree 0 needs all powers of the keys; any other keeps what the pair has.
    const slong keys_degree = static_cast<slong>(era.keys.columns()) - 1, most = length == 1 ? keys_degree : std::min(keys_degree, length - 1);
    const double wanted = allowed - importance(era.absolute, whole.deviation - whole.mass) - log2_factor(query, era.middle);
    const PairExponential pair(query.rows, era.keys, most, wanted, bits);
    for (std::size_t v = 0; v < rows; ++v) {
      for (slong a = 0; a < std::min(length, pair.degree + 1); ++a) {
        arb_dot(term, nullptr, 0, pair.coefficients.row(static_cast<std::size_t>(a)), 1, era.moments.row(v), 1, pair.degree + 1 - a, bits);
        arb_add(total.row(v) + a, total.row(v) + a, term, bits);
      }
      taylor.add_error(total.row(v), pair.error * era.absolute[v]);
    }
  }
  for (std::size_t v = 0; v < rows; ++v) taylor.sweep(total.row(v));
  return total;
}

BallMatrix own_sums(const HeadQuery& query, const HeadTokens& tokens, const PowerSums& sums, const TaylorArithmetic& taylor, double wanted_log2) {
  const std::size_t rows = tokens.weighted.rows();
  const slong length = taylor.length(), q = length - 1;
  const long bits = taylor.bits();
  const PairExponential pair(query.rows, tokens.keys, q, wanted_log2, bits);
  const Magnitude count = count_of(sums);

  // Norms of the polynomial's parts of total degree m.
  std::vector<Magnitude> by_degree(static_cast<std::size_t>(length));
  for (slong a = 0; a <= pair.degree; ++a)
    for (slong b = 0; a + b <= pair.degree; ++b)
      by_degree[static_cast<std::size_t>(a + b)] += Magnitude::of(pair.coefficients(static_cast<std::size_t>(a), static_cast<std::size_t>(b)));

  BallMatrix total(rows, static_cast<std::size_t>(length));
  BallVector f(static_cast<std::size_t>(length)), product(static_cast<std::size_t>(length)), sum(static_cast<std::size_t>(length + 1));
  for (std::size_t v = 0; v < rows; ++v) {
    arb_srcptr model = tokens.weighted.row(v);
    for (slong l = 0; l < length; ++l) arb_get_mid_arb(f[static_cast<std::size_t>(l)], model + l);
    // At each token: the error of e^s, the error of the model, and what the product has beyond total degree q.
    Magnitude error = pair.error * taylor.supremum(model) + pair.supremum * Magnitude::radius_of(model);
    Magnitude tail;
    for (slong m = 1; m <= q; ++m) {
      tail += Magnitude::of(f[static_cast<std::size_t>(length - m)]);
      error += by_degree[static_cast<std::size_t>(m)] * tail;
    }
    error *= count;

    _arb_vec_zero(sum[0], length + 1);
    for (slong a = 0; a <= pair.degree; ++a) {
      const slong keep = length - a, terms = std::min(pair.degree + 1 - a, keep);
      _arb_poly_mullow(product[0], f[0], keep, pair.coefficients.row(static_cast<std::size_t>(a)), terms, keep, bits);
      for (slong b = 0; b < keep; ++b)
        _arb_vec_scalar_addmul(sum[static_cast<std::size_t>(a)], sums.part(static_cast<std::size_t>(b)), b + 2, product[static_cast<std::size_t>(b)], bits);
    }
    error += Magnitude::of(sum[static_cast<std::size_t>(length)]);  // degree q + 1
    _arb_vec_set(total.row(v), sum[0], length);
    taylor.add_error(total.row(v), error);
    taylor.sweep(total.row(v));
  }
  return total;
}

}  // namespace snellen
