#include "proofs/checker/power_sums.hpp"

#include <boost/multiprecision/gmp.hpp>

namespace snellen::check {
namespace {

using Rational = boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;

Number enclosed(const Rational& x, long bits) {
  Number result = IntervalArithmetic(bits).zero();
  mpfi_set_q(IntervalArithmetic::raw(result), x.backend().data());
  return result;
}

// B_0, ..., B_count with B_1 = +1/2: sum over i <= m of C(m + 1, i) B_i = m + 1.
std::vector<Rational> bernoulli(std::size_t count) {
  std::vector<Rational> b;
  for (std::size_t m = 0; m <= count; ++m) {
    Rational sum = static_cast<unsigned long>(m + 1), binomial = 1;  // C(m + 1, i)
    for (std::size_t i = 0; i < m; ++i) {
      sum -= binomial * b[i];
      binomial *= Rational(static_cast<unsigned long>(m + 1 - i));
      binomial /= Rational(static_cast<unsigned long>(i + 1));
    }
    b.push_back(sum / Rational(static_cast<unsigned long>(m + 1)));
  }
  return b;
}

Rational value(const std::vector<Rational>& polynomial, const Rational& x) {
  Rational result = 0;
  for (std::size_t k = polynomial.size(); k-- > 0;) result = result * x + polynomial[k];
  return result;
}

}  // namespace

// G_k(x) = 1/(k+1) sum over i <= k of C(k+1, i) B_i step^(i-1) x^(k+1-i) has G_k(x) - G_k(x - step) = x^k (`faulhaber`, proofs/era.md), so that the sum over
// first <= j <= n is G_k(t_n) - G_k(-1 - step).
Era::Era(Length first, Length last, std::size_t degree, long bits) : first_(std::move(first)), last_(std::move(last)), bits_(bits) {
  const Rational step = Rational(2) / Rational(last_ - first_);
  step_ = enclosed(step, bits), count_ = enclosed(Rational(last_ - first_ + 1), bits);
  const std::vector<Rational> b = bernoulli(2 * degree);
  for (std::size_t k = 0; k <= 2 * degree; ++k) {
    std::vector<Rational> g(k + 2);
    Rational binomial = 1, power = Rational(1) / step;  // C(k + 1, i), step^(i - 1)
    for (std::size_t i = 0; i <= k; ++i) {
      g[k + 1 - i] = binomial * b[i] * power / Rational(static_cast<unsigned long>(k + 1));
      binomial *= Rational(static_cast<unsigned long>(k + 1 - i));
      binomial /= Rational(static_cast<unsigned long>(i + 1));
      power *= step;
    }
    g[0] = -value(g, Rational(-1) - step);
    whole_.push_back(enclosed(value(g, 1), bits));
    if (k > degree) continue;
    Vector part;
    for (const Rational& c : g) part.push_back(enclosed(c, bits));
    part_.push_back(std::move(part));
  }
}

Number Era::position(const Length& n) const { return enclosed(Rational(2 * n - first_ - last_) / Rational(last_ - first_), bits_); }

}  // namespace snellen::check
