#include "proofs/checker/taylor.hpp"

namespace snellen::check {
namespace {

void times(Number& x, std::size_t factor) { mpfi_mul_ui(IntervalArithmetic::raw(x), IntervalArithmetic::raw(x), factor); }

}  // namespace

Upper Upper::magnitude(const Number& x) {
  Upper result;
  if (!is_finite(x)) mpfr_set_inf(result.value_.get(), +1);
  else mpfr_abs(result.value_.get(), mpfr_cmpabs(lower(x), upper(x)) > 0 ? lower(x) : upper(x), MPFR_RNDU);
  return result;
}

Upper Upper::radius(const Number& x) {
  Upper result, other;
  if (!is_finite(x)) return mpfr_set_inf(result.value_.get(), +1), result;
  const Number m = midpoint(x);
  mpfr_sub(result.value_.get(), upper(x), lower(m), MPFR_RNDU);
  mpfr_sub(other.value_.get(), lower(m), lower(x), MPFR_RNDU);
  return result < other ? other : result;
}

Upper Upper::scaled(long exponent) const {
  Upper result = *this;
  mpfr_mul_2si(result.value_.get(), result.value_.get(), exponent, MPFR_RNDU);
  return result;
}

Upper Upper::expm1() const {
  Upper result = *this;
  mpfr_expm1(result.value_.get(), result.value_.get(), MPFR_RNDU);
  return result;
}

Upper Upper::root() const {
  Upper result = *this;
  mpfr_sqrt(result.value_.get(), result.value_.get(), MPFR_RNDU);
  return result;
}

Upper Upper::part(unsigned long of) const {
  Upper result = *this;
  mpfr_div_ui(result.value_.get(), result.value_.get(), of, MPFR_RNDU);
  return result;
}

Upper Upper::inverse_of_rest() const {
  Upper result;
  mpfr_ui_sub(result.value_.get(), 1, value_.get(), MPFR_RNDD);
  if (!(mpfr_sgn(result.value_.get()) > 0)) return mpfr_set_inf(result.value_.get(), +1), result;
  mpfr_ui_div(result.value_.get(), 1, result.value_.get(), MPFR_RNDU);
  return result;
}

Number midpoint(const Number& x) {
  Number m = x;
  mpfi_mid(lower(m), IntervalArithmetic::raw(x));
  mpfr_set(upper(m), lower(m), MPFR_RNDN);
  return m;
}

void widen(Number& x, const Upper& error) {
  if (!mpfr_number_p(error.get())) return set_everything(x);
  mpfr_sub(lower(x), lower(x), error.get(), MPFR_RNDD);
  mpfr_add(upper(x), upper(x), error.get(), MPFR_RNDU);
}

Upper weighted_norm(const Row& x, std::size_t first, long e) {
  Upper sum;
  for (std::size_t k = first; k < x.size(); ++k) sum += Upper::magnitude(x[k]).scaled(e * static_cast<long>(k));
  return sum;
}

Majorants majorants(const Row& x, std::size_t first) {
  Majorants result;
  for (std::size_t k = first; k < x.size(); ++k) {
    const Upper size = Upper::magnitude(x[k]);
    for (std::size_t e = 0; e < result.size(); ++e) result[e] += size.scaled(static_cast<long>(e * k));
  }
  return result;
}

ExponentialTail::ExponentialTail(const Majorants& p) {
  for (std::size_t e = 0; e < p.size(); ++e) growth_[e] = p[e].expm1();
}

Upper ExponentialTail::beyond(std::size_t degree) const {
  Upper best = growth_[0];
  for (std::size_t e = 1; e < growth_.size(); ++e)
    if (const Upper bound = growth_[e].scaled(-static_cast<long>(e * (degree + 1))); bound < best) best = bound;
  return best;
}

Row Taylor::everything() const {
  Row x = zero();
  set_everything(x[0]);
  return x;
}

Row Taylor::constant(const Number& c) const {
  Row x = zero();
  x[0] = c;
  return x;
}

void Taylor::add(Row& x, const Row& y) const {
  for (std::size_t k = 0; k < length_; ++k) arithmetic().add(x[k], x[k], y[k]);
}

void Taylor::scale(Row& x, const Number& factor) const {
  for (Number& c : x) arithmetic().mul(c, c, factor);
}

Row Taylor::multiply(const Row& x, const Row& y) const {
  const IntervalArithmetic& a = arithmetic();
  Row product = zero();
  Number term = a.zero();
  for (std::size_t i = 0; i < length_; ++i) {
    if (mpfi_is_zero(IntervalArithmetic::raw(x[i]))) continue;
    for (std::size_t j = 0; i + j < length_; ++j) {
      a.mul(term, x[i], y[j]);
      a.add(product[i + j], product[i + j], term);
    }
  }
  Upper beyond, tail;  // |t|^k <= 1
  for (std::size_t i = 1; i < length_; ++i) {
    tail += Upper::magnitude(y[length_ - i]);
    beyond += Upper::magnitude(x[i]) * tail;
  }
  widen(product[0], beyond);
  return product;
}

// e^(c_0) times the series of e^p, p what is left: k e_k = sum of i p_i e_(k-i).
Row Taylor::exp(const Row& x) const {
  if (!is_finite(x)) return everything();
  const IntervalArithmetic& a = arithmetic();
  Row e = zero();
  e[0] = a.of(1);
  Number term = a.zero();
  for (std::size_t k = 1; k < length_; ++k) {
    for (std::size_t i = 1; i <= k; ++i) {
      a.mul(term, x[i], e[k - i]);
      times(term, i);
      a.add(e[k], e[k], term);
    }
    a.div(e[k], e[k], a.of(static_cast<double>(k)));
  }
  widen(e[0], ExponentialTail(majorants(x, 1)).beyond(length_ - 1));
  a.exp(term, x[0]);
  scale(e, term);
  return e;
}

Row Taylor::inverse(const Row& x) const {
  if (!is_finite(x)) return everything();
  const IntervalArithmetic& a = arithmetic();
  Row m, r = zero();
  for (const Number& c : x) m.push_back(midpoint(c));
  if (mpfi_has_zero(IntervalArithmetic::raw(m[0]))) return everything();
  Number first = a.zero(), term = a.zero();
  a.div(first, a.of(1), m[0]);
  r[0] = midpoint(first);
  for (std::size_t k = 1; k < length_; ++k) {
    Number sum = a.zero();
    for (std::size_t i = 1; i <= k; ++i) {
      a.mul(term, m[i], r[k - i]);
      a.add(sum, sum, term);
    }
    a.mul(sum, sum, first);
    a.sub(sum, a.zero(), sum);
    r[k] = midpoint(sum);
  }
  Row rho = multiply(x, r);
  a.sub(rho[0], rho[0], a.of(1));
  const Upper delta = supremum(rho);
  widen(r[0], supremum(r) * delta * delta.inverse_of_rest());
  return is_finite(r) ? r : everything();
}

Row Taylor::inverse_sqrt(const Row& x) const {
  if (!is_finite(x)) return everything();
  const IntervalArithmetic& a = arithmetic();
  Row m, r = zero();
  for (const Number& c : x) m.push_back(midpoint(c));
  if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(m[0]))) return everything();
  Number first = a.zero(), term = a.zero();
  a.sqrt(first, m[0]);
  a.div(first, a.of(1), first);
  r[0] = midpoint(first);
  // g = m^(-1/2) has m g' = -1/2 m' g: k m_0 g_k = sum over i of (-i/2 - (k - i)) m_i g_(k-i).
  for (std::size_t k = 1; k < length_; ++k) {
    Number sum = a.zero();
    for (std::size_t i = 1; i <= k; ++i) {
      a.mul(term, m[i], r[k - i]);
      a.mul(term, term, -0.5 * static_cast<double>(i) - static_cast<double>(k - i));
      a.add(sum, sum, term);
    }
    a.mul(term, m[0], static_cast<double>(k));
    a.div(sum, sum, term);
    r[k] = midpoint(sum);
  }
  if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(range(r)))) return everything();
  Row rho = multiply(x, multiply(r, r));
  a.sub(rho[0], rho[0], a.of(1));
  const Upper delta = supremum(rho), rest = delta.inverse_of_rest();
  widen(r[0], (supremum(r) * delta * rest * rest).scaled(-1));
  return is_finite(r) ? r : everything();
}

Row Taylor::relu(const Row& x) const {
  Number values = range(x);
  if (mpfi_is_nonneg(IntervalArithmetic::raw(values))) return x;
  arithmetic().relu(values, values);
  return constant(values);
}

Upper Taylor::supremum(const Row& x) const { return weighted_norm(x, 0, 0); }

Number Taylor::range(const Row& x) const {
  Number result = x[0];
  widen(result, weighted_norm(x, 1, 0));
  return result;
}

Number Taylor::at(const Row& x, const Number& t) const {
  Number value = x.back();
  for (std::size_t k = x.size() - 1; k-- > 0;) {
    arithmetic().mul(value, value, t);
    arithmetic().add(value, value, x[k]);
  }
  return value;
}

namespace {

// The midpoints' polynomial, its derivative, and the sum of the radii.
struct Split {
  Row middle, slope;
  Upper radii;
  Split(const IntervalArithmetic& a, const Row& x) {
    for (std::size_t k = 0; k < x.size(); ++k) {
      middle.push_back(midpoint(x[k]));
      radii += Upper::radius(x[k]);
      if (k == 0) continue;
      Number d = middle.back();
      a.mul(d, d, static_cast<double>(k));
      slope.push_back(d);
    }
    if (slope.empty()) slope.push_back(a.zero());
  }
};

}  // namespace

Number Taylor::over(const Row& x, const Number& t) const {
  if (x.size() == 1) return x[0];
  const IntervalArithmetic& a = arithmetic();
  const Split s(a, x);
  const Number centre = midpoint(t);
  Number away = a.zero(), value = at(s.middle, centre), slope = at(s.slope, t);
  a.sub(away, t, centre);
  a.mul(slope, slope, away);
  a.add(value, value, slope);
  widen(value, s.radii);
  return value;
}

Number Taylor::step_over(const Row& x, const Number& t, const Number& step) const {
  const Split s(arithmetic(), x);
  Number difference = over(s.slope, t);
  arithmetic().mul(difference, difference, step);
  widen(difference, s.radii.scaled(1));
  return difference;
}

Number Taylor::step_between(const Row& x, const Number& from, const Number& to) const {
  const Split s(arithmetic(), x);
  Number difference = at(s.middle, to);
  arithmetic().sub(difference, difference, at(s.middle, from));
  widen(difference, s.radii.scaled(1));
  return difference;
}

}  // namespace snellen::check
