#include "lib/world/rotary_mass.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

namespace snellen {
namespace {

constexpr std::int64_t stride = 256;
constexpr int largest_number = 200;  // of a mode in one plane

}  // namespace

RotaryMass::RotaryMass(RotaryScore score, const RotaryFrequencies& frequencies, std::int64_t first_distance, long bits, const MassSettings& settings)
    : score_(std::move(score)), frequencies_(frequencies), first_(first_distance), bits_(bits) {
  Ball most;
  arb_set(most, score_.constant);
  for (const ComplexBall& b : score_.planes) {
    Ball size;
    acb_abs(size, b, bits_);
    arb_add(most, most, size, bits_);
  }
  arb_exp(most, most, bits_);
  largest_ = Magnitude::of(most);
  steps_.resize(score_.planes.size());
  for (std::size_t f = 0; f < steps_.size(); ++f)
    for (std::int64_t i = 0; i < stride; ++i) frequencies_.set_turn(steps_[f].emplace_back(), f, i, bits_);
  list_modes(settings);
  extend(settings.direct);
}

void RotaryMass::term(arb_ptr result, const Length& i) const {
  ComplexBall turn;
  arb_set(result, score_.constant);
  for (std::size_t f = 0; f < score_.planes.size(); ++f) {
    frequencies_.set_turn(turn, f, i + first_, bits_);
    add_real_product(result, score_.planes[f], turn, bits_);
  }
  arb_exp(result, result, bits_);
}

// Adds E(first distance + i), begin <= i < end, end - begin <= stride. Each turn is one product: products of products would wrap, and lose half a bit each.
void RotaryMass::add_terms(arb_ptr sum, std::int64_t begin, std::int64_t end) const {
  const std::size_t planes = score_.planes.size();
  std::vector<ComplexBall> turn(planes);
  for (std::size_t f = 0; f < planes; ++f) {
    frequencies_.set_turn(turn[f], f, begin + first_, bits_);
    acb_mul(turn[f], turn[f], score_.planes[f], bits_);
  }
  Ball exponent;
  for (std::int64_t i = begin; i < end; ++i) {
    arb_set(exponent, score_.constant);
    for (std::size_t f = 0; f < planes; ++f) add_real_product(exponent, turn[f], steps_[f][static_cast<std::size_t>(i - begin)], bits_);
    arb_exp(exponent, exponent, bits_);
    arb_add(sum, sum, exponent, bits_);
  }
}

void RotaryMass::extend(std::int64_t n) {
  if (checkpoints_.empty()) checkpoints_.emplace_back();
  while (static_cast<std::int64_t>(checkpoints_.size() - 1) * stride < n) {
    const std::int64_t begin = static_cast<std::int64_t>(checkpoints_.size() - 1) * stride;
    Ball sum = checkpoints_.back();
    add_terms(sum, begin, begin + stride);
    checkpoints_.push_back(std::move(sum));
  }
}

void RotaryMass::sum(arb_ptr result, const Length& n, std::size_t followed) const {
  const auto known = static_cast<std::int64_t>(checkpoints_.size() - 1) * stride;
  if (n >= known + stride) return by_modes(result, n, followed);
  const std::int64_t begin = std::min(known, static_cast<std::int64_t>(n) / stride * stride);
  arb_set(result, checkpoints_[static_cast<std::size_t>(begin / stride)]);
  add_terms(result, begin, static_cast<std::int64_t>(n));
}

void RotaryMass::mean(arb_ptr result, const Length& from) const {
  Ball count;
  set_length(count, from);
  // By the modes.
  Ball error;
  mag_set(arb_radref(static_cast<arb_ptr>(error)), excess_.get());
  arb_div(error, error, count, bits_);
  arb_add_error_mag(error, drift_.get());
  arb_add(result, mu_, error, bits_);
  // Terms are positive and at most the largest; and a mean of exponentials is at least the exponential of the mean score, in which a plane's n turns add up to at most
  // 1 / |sin(theta/2)|.
  Ball low, high, sine, one;
  arb_set(low, score_.constant);
  for (std::size_t f = 0; f < score_.planes.size(); ++f) {
    frequencies_.set_frequency(sine, f, bits_);
    arb_mul_2exp_si(sine, sine, -1);
    arb_sin(sine, sine, bits_);
    arb_mul(sine, sine, count, bits_);
    arb_inv(sine, sine, bits_);
    arb_abs(sine, sine);
    arb_one(one);
    arb_min(sine, sine, one, bits_);
    acb_abs(error, score_.planes[f], bits_);
    arb_submul(low, error, sine, bits_);
  }
  arb_exp(low, low, bits_);
  arb_get_lbound_arf(arb_midref(static_cast<arb_ptr>(low)), low, bits_), mag_zero(arb_radref(static_cast<arb_ptr>(low)));
  arf_set_mag(arb_midref(static_cast<arb_ptr>(high)), largest_.get());
  arb_union(low, low, high, bits_);
  if (!arb_is_finite(low)) return;
  if (!arb_is_finite(result)) arb_set(result, low);
  else if (!arb_intersection(result, result, low, bits_)) throw std::logic_error("RotaryMass: two enclosures are disjoint");
}

// Vectors m with the product of their Bessel functions above a threshold, one of m and -m each: their terms are conjugate.
void RotaryMass::list_modes(const MassSettings& settings) {
  const std::size_t planes = score_.planes.size();
  std::vector<Ball> sizes(planes);
  std::vector<BallVector> bessel;                  // [plane][number]
  std::vector<std::vector<double>> logarithms;     // of I_m(A) / I_0(A), for the choice only
  std::vector<std::vector<ComplexBall>> phases(planes), turns(planes);  // powers of e^(i phi), e^(i theta)
  std::vector<std::vector<ComplexBall>> at_first(planes);  // of e^(i theta D0)
  Ball total;
  for (std::size_t f = 0; f < planes; ++f) {
    acb_abs(sizes[f], score_.planes[f], bits_);
    arb_add(total, total, sizes[f], bits_);
  }
  arb_exp(total, total, bits_);  // the sum of all |c_m|, but for e^c
  const double least = -0.7 * static_cast<double>(bits_);
  for (std::size_t f = 0; f < planes; ++f) {
    BallVector values(largest_number + 1);
    std::vector<double> logs;
    Ball number;
    for (int m = 0; m <= largest_number; ++m) {
      arb_set_si(number, m);
      arb_hypgeom_bessel_i(values[static_cast<std::size_t>(m)], number, sizes[f], bits_);
      const double log = Magnitude::of(values[static_cast<std::size_t>(m)]).log2();
      logs.push_back(m == 0 ? log : log - logs[0]);
      if (m > 0 && logs.back() < least) break;
    }
    logs[0] = 0;
    bessel.push_back(std::move(values)), logarithms.push_back(std::move(logs));
    ComplexBall phase, turn;
    acb_set(phase, score_.planes[f]);
    acb_div_arb(phase, phase, sizes[f], bits_);
    if (!acb_is_finite(phase)) {  // |e^(i phi)| = 1
      acb_zero(phase);
      arb_add_error_2exp_si(phase.real(), 0), arb_add_error_2exp_si(phase.imag(), 0);
    }
    frequencies_.set_turn(turn, f, 1, bits_);
    ComplexBall first;
    frequencies_.set_turn(first, f, first_, bits_);
    phases[f].resize(logarithms[f].size()), turns[f].resize(logarithms[f].size()), at_first[f].resize(logarithms[f].size());
    for (std::size_t m = 0; m < phases[f].size(); ++m) {
      acb_pow_ui(phases[f][m], phase, m, bits_);
      acb_pow_ui(turns[f][m], turn, m, bits_);
      acb_pow_ui(at_first[f][m], first, m, bits_);
    }
  }
  // The largest set {product above 2^threshold} that is not too many: by counting, with thresholds that fall. Half of all vectors.
  const auto count = [&](double threshold, std::size_t most) {
    std::size_t found = 0;
    const auto walk = [&](const auto& self, std::size_t f, double log) -> void {
      if (found > most) return;
      if (f == planes) {
        ++found;
        return;
      }
      for (std::size_t m = 0; m < logarithms[f].size() && log + logarithms[f][m] >= threshold; ++m) {
        self(self, f + 1, log + logarithms[f][m]);
        if (m > 0) self(self, f + 1, log + logarithms[f][m]);
      }
    };
    walk(walk, 0, 0);
    return found;
  };
  double threshold = -2;
  while (threshold > least && count(threshold - 2, 2 * settings.most_modes) <= 2 * settings.most_modes) threshold -= 2;

  Ball listed, scale, denominator;
  arb_exp(scale, score_.constant, bits_);
  std::vector<std::int16_t> m(planes);
  std::vector<Mode> modes;
  // `leading`: no number was nonzero yet.
  const auto walk = [&](const auto& self, std::size_t f, double log, const Ball& size, const ComplexBall& phase, const ComplexBall& turn, const ComplexBall& start, bool leading) -> void {
    if (f == planes) {
      Ball twice = size;
      if (!leading) arb_mul_2exp_si(twice, twice, 1);
      if (frequencies_.resonant(m.data())) {
        arb_addmul(mu_, twice, phase.real(), bits_);
        arb_add(listed, listed, twice, bits_);
        ++resonances_;
        return;
      }
      ComplexBall factor, below;
      acb_sub_ui(below, turn, 1, bits_);
      acb_neg(below, below);
      acb_mul(factor, phase, start, bits_);
      acb_mul_arb(factor, factor, twice, bits_);
      acb_div(factor, factor, below, bits_);
      if (!acb_is_finite(factor)) return;  // not told from a resonance: among those not listed
      arb_add(listed, listed, twice, bits_);
      Mode mode{m, std::move(factor), {}};
      acb_get_mag(mode.size.get(), mode.factor);
      modes.push_back(std::move(mode));
      return;
    }
    for (std::size_t k = 0; k < logarithms[f].size() && log + logarithms[f][k] >= threshold; ++k) {
      Ball s;
      arb_mul(s, size, bessel[f][k], bits_);
      for (int sign = 1; sign >= (k == 0 || leading ? 1 : -1); sign -= 2) {
        m[f] = static_cast<std::int16_t>(sign * static_cast<int>(k));
        ComplexBall p, t, b;
        const auto power = [&](const ComplexBall& x) {
          ComplexBall y = x;
          if (sign < 0) acb_conj(y, y);
          return y;
        };
        acb_mul(p, phase, power(phases[f][k]), bits_);
        acb_mul(t, turn, power(turns[f][k]), bits_);
        acb_mul(b, start, power(at_first[f][k]), bits_);
        self(self, f + 1, log + logarithms[f][k], s, p, t, b, leading && k == 0);
      }
    }
    m[f] = 0;
  };
  ComplexBall one;
  acb_one(one);
  Ball unit;
  arb_one(unit);
  walk(walk, 0, 0, unit, one, one, one, true);
  arb_mul(mu_, mu_, scale, bits_);
  Ball drift;
  arb_sub(drift, total, listed, bits_);
  arb_mul(drift, drift, scale, bits_);
  drift_ = Magnitude::of(drift);
  const Magnitude scale_size = Magnitude::of(scale);
  modes_ = modes.size();
  std::stable_sort(modes.begin(), modes.end(), [](const Mode& a, const Mode& b) { return b.size < a.size; });
  for (std::size_t i = 0; i < modes.size(); ++i) {
    Mode& mode = modes[i];
    acb_mul_arb(mode.factor, mode.factor, scale, bits_);
    mode.size *= scale_size;
    const Magnitude most = shifted(mode.size, 1);  // |1 - e^(i m.theta n)| <= 2
    excess_ += most;
    mode.size = most;
  }
  // From the smallest on, so that each rest is a sum of its own.
  rests_.resize(std::min(modes.size(), settings.exact_modes) + 1);
  Magnitude rest;
  for (std::size_t i = modes.size(); i > 0; --i) {
    if (i < rests_.size()) rests_[i] = rest;
    rest += modes[i - 1].size;
  }
  rests_[0] = rest;
  modes.resize(rests_.size() - 1);
  followed_ = std::move(modes);
}

void RotaryMass::by_modes(arb_ptr result, const Length& n, std::size_t followed) const {
  followed = std::min(followed, followed_.size());
  Ball count;
  set_length(count, n);
  arb_mul(result, mu_, count, bits_);
  const std::size_t planes = score_.planes.size();
  std::vector<std::vector<ComplexBall>> powers(planes);
  std::vector<std::size_t> most(planes, 0);
  for (const Mode& mode : std::span(followed_).first(followed))
    for (std::size_t f = 0; f < planes; ++f) most[f] = std::max(most[f], static_cast<std::size_t>(std::abs(mode.m[f])));
  for (std::size_t f = 0; f < planes; ++f) {
    ComplexBall turn;
    frequencies_.set_turn(turn, f, n, bits_);
    powers[f].resize(most[f] + 1);
    acb_one(powers[f][0]);
    for (std::size_t m = 1; m <= most[f]; ++m) acb_mul(powers[f][m], powers[f][m - 1], turn, bits_);
  }
  ComplexBall product, factor;
  for (const Mode& mode : std::span(followed_).first(followed)) {
    acb_one(product);
    for (std::size_t f = 0; f < planes; ++f) {
      if (mode.m[f] == 0) continue;
      const ComplexBall& power = powers[f][static_cast<std::size_t>(std::abs(mode.m[f]))];
      if (mode.m[f] > 0) acb_set(factor, power);
      else acb_conj(factor, power);
      acb_mul(product, product, factor, bits_);
    }
    acb_sub_ui(product, product, 1, bits_);
    acb_neg(product, product);
    add_real_product(result, mode.factor, product, bits_);
  }
  arb_add_error_mag(result, rests_[followed].get());
  Magnitude drift = drift_;
  mag_t size;
  mag_init(size);
  arb_get_mag(size, count);
  mag_mul(drift.get(), drift.get(), size);
  mag_clear(size);
  arb_add_error_mag(result, drift.get());
}

}  // namespace snellen
