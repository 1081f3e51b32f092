#include "lib/number/decay.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/ball_matrix.hpp"

namespace snellen {
namespace {

constexpr long bits = 64;  // of lengths' logarithms

// (k/(order e))^k, the largest value of u^k e^(-order u) on u >= 0.
Magnitude largest_value(std::size_t k, unsigned long order) {
  Magnitude result = Magnitude::of(k);
  Magnitude decay;
  mag_expinv(decay.get(), result.get());
  mag_div_ui(result.get(), result.get(), order);
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

template <unsigned long order>
DecayOf<order> DecayOf<order>::inverse(Magnitude c) {
  DecayOf result;
  if (!c.is_zero()) result.c_.push_back(std::move(c));
  return result;
}

template <unsigned long order>
DecayOf<order> DecayOf<order>::of(std::vector<Magnitude> c) {
  DecayOf result;
  result.c_ = std::move(c);
  return result;
}

template <unsigned long order>
DecayOf<order> DecayOf<order>::unknown() {
  Magnitude c;
  mag_inf(c.get());
  return inverse(std::move(c));
}

template <unsigned long order>
bool DecayOf<order>::is_zero() const {
  return std::all_of(c_.begin(), c_.end(), [](const Magnitude& c) { return c.is_zero(); });
}

template <unsigned long order>
DecayOf<order>& DecayOf<order>::operator+=(const DecayOf& x) {
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k) c_[k] += x.c_[k];
  return *this;
}

template <unsigned long order>
void DecayOf<order>::add(const DecayOf& x, const Magnitude& factor) {
  if (factor.is_zero()) return;
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k) mag_addmul(c_[k].get(), x.c_[k].get(), factor.get());
}

template <unsigned long order>
void DecayOf<order>::raise_to(const DecayOf& x) {
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k)
    if (c_[k] < x.c_[k]) c_[k] = x.c_[k];
}

Decays::Decays(Length first) : first_(std::move(first)) {
  if (first_ < 1) throw std::invalid_argument("Decays: M is at least 1");
}

template <unsigned long order>
Magnitude Decays::from(const DecayOf<order>& x, const Length& n) const {
  if (n < first_) throw std::logic_error("Decays::from: below M");
  if (x.c_.empty()) return {};
  const Ball u = log_ratio(n, first_);
  const Magnitude logarithm = Magnitude::of(u);
  Magnitude inverse = quotient(first_, n), total;
  mag_pow_ui(inverse.get(), inverse.get(), order);
  Ball turn;
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    Magnitude value = largest_value(k, order);
    arb_set_ui(turn, k);
    arb_div_ui(turn, turn, order, bits);
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
    result.c_[0] += x.c_[k] * largest_value(k, 1) * quotient(1, first_);
  }
  return result;
}

Decay Decays::average(const StepDecay& x) const {
  Magnitude total, value;
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    mag_fac_ui(value.get(), k);
    total += x.c_[k] * (value + largest_value(k, 2) * quotient(1, first_));
  }
  return Decay::inverse(std::move(total));
}

Magnitude Decays::sum(const Decay& x, const Length& end) const {
  Magnitude total;
  if (end <= first_) return total;
  const Magnitude logarithm = Magnitude::of(log_ratio(end - 1, first_)), m = magnitude_of(first_), count = magnitude_of(end - first_);
  for (std::size_t k = 0; k < x.c_.size(); ++k) {
    Magnitude integral;
    mag_pow_ui(integral.get(), logarithm.get(), k + 1);
    mag_div_ui(integral.get(), integral.get(), k + 1);
    const Magnitude by_integral = m * integral + largest_value(k, 1), by_count = count * largest_value(k, 1);
    total += x.c_[k] * (by_count < by_integral ? by_count : by_integral);
  }
  return total;
}

template <unsigned long order>
DecayOf<order> Decays::reaching_back(const DecayOf<order>& x, const Length& back) const {
  Magnitude stretch = quotient(first_ + back, first_);
  mag_pow_ui(stretch.get(), stretch.get(), order);
  DecayOf<order> result;
  result.add(x, stretch);
  return result;
}

StepDecay Decays::over_length(const Decay& x) {
  StepDecay result;
  result.c_ = x.c_;
  return result;
}

Decay Decays::times_length(const StepDecay& x) const {
  Decay result;
  const Magnitude m = magnitude_of(first_);
  for (const Magnitude& c : x.c_) result.c_.push_back(c * m);
  return result;
}

StepDecay Decays::product(const Decay& x, const Decay& y) {
  StepDecay result;
  if (x.c_.empty() || y.c_.empty()) return result;
  result.c_.resize(x.c_.size() + y.c_.size() - 1);
  for (std::size_t a = 0; a < x.c_.size(); ++a)
    for (std::size_t b = 0; b < y.c_.size(); ++b) mag_addmul(result.c_[a + b].get(), x.c_[a].get(), y.c_[b].get());
  return result;
}

template class DecayOf<1>;
template class DecayOf<2>;
template Magnitude Decays::from(const Decay&, const Length&) const;
template Magnitude Decays::from(const StepDecay&, const Length&) const;
template Decay Decays::reaching_back(const Decay&, const Length&) const;
template StepDecay Decays::reaching_back(const StepDecay&, const Length&) const;

}  // namespace snellen
