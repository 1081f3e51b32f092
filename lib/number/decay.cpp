#include "lib/number/decay.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/ball_matrix.hpp"

namespace snellen {
namespace {

constexpr long bits = 64;  // of lengths' logarithms

// (k/e)^k, the largest value of u^k e^-u on u >= 0.
Magnitude largest_value(std::size_t k) {
  Magnitude result = Magnitude::of(k);
  Magnitude decay;
  mag_expinv(decay.get(), result.get());
  mag_pow_ui(result.get(), result.get(), k);
  return k == 0 ? Magnitude::of(1UL) : result * decay;
}

// log(n/M), n >= M.
Ball log_ratio(const Length& n, const Length& first) {
  Ball u, m;
  set_length(u, n);
  set_length(m, first);
  arb_div(u, u, m, bits);
  arb_log(u, u, bits);
  return u;
}

}  // namespace

Magnitude magnitude_of(const Length& x) {
  Ball b;
  set_length(b, x);
  return Magnitude::of(b);
}

Magnitude quotient(const Length& x, const Length& y) {
  Ball a, b;
  set_length(a, x);
  set_length(b, y);
  arb_div(a, a, b, bits);
  return Magnitude::of(a);
}

Decay Decay::inverse(Magnitude c) {
  Decay result;
  if (!c.is_zero()) result.c_.push_back(std::move(c));
  return result;
}

bool Decay::is_zero() const {
  return std::all_of(c_.begin(), c_.end(), [](const Magnitude& c) { return c.is_zero(); });
}

Decay& Decay::operator+=(const Decay& x) {
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k) c_[k] += x.c_[k];
  return *this;
}

void Decay::add(const Decay& x, const Magnitude& factor) {
  if (factor.is_zero()) return;
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k) mag_addmul(c_[k].get(), x.c_[k].get(), factor.get());
}

void Decay::raise_to(const Decay& x) {
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k)
    if (c_[k] < x.c_[k]) c_[k] = x.c_[k];
}

Decays::Decays(Length first) : first_(std::move(first)) {
  if (first_ < 1) throw std::invalid_argument("Decays: M is at least 1");
}

Magnitude Decays::from(const Decay& x, const Length& n) const {
  if (n < first_) throw std::logic_error("Decays::from: below M");
  const Ball u = log_ratio(n, first_);
  const Magnitude logarithm = Magnitude::of(u), inverse = quotient(first_, n);
  Magnitude total;
  Ball turn;
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    Magnitude value = largest_value(k);
    arb_set_ui(turn, k);
    if (k == 0 || arb_ge(u, turn)) {  // falling from n on
      Magnitude power;
      mag_pow_ui(power.get(), logarithm.get(), k);
      value = power * inverse;
    }
    total += x.c_[k] * value;
  }
  return total;
}

Decay Decays::average(const Decay& x) const {
  Decay result;
  if (x.is_zero()) return result;
  result.c_.resize(x.c_.size() + 1);
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    Magnitude c = x.c_[k];
    mag_div_ui(c.get(), c.get(), k + 1);
    result.c_[k + 1] += c;
    result.c_[0] += x.c_[k] * largest_value(k) * quotient(1, first_);
  }
  return result;
}

Magnitude Decays::sum(const Decay& x, const Length& end) const {
  Magnitude total;
  if (end <= first_) return total;
  const Magnitude logarithm = Magnitude::of(log_ratio(end - 1, first_)), m = magnitude_of(first_), count = magnitude_of(end - first_);
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    Magnitude integral;
    mag_pow_ui(integral.get(), logarithm.get(), k + 1);
    mag_div_ui(integral.get(), integral.get(), k + 1);
    const Magnitude by_integral = m * integral + largest_value(k), by_count = count * largest_value(k);
    total += x.c_[k] * (by_count < by_integral ? by_count : by_integral);
  }
  return total;
}

Decay Decays::reaching_back(const Decay& x, const Length& back) const {
  Decay result;
  result.add(x, quotient(first_ + back, first_));
  return result;
}

}  // namespace snellen
