#include "bounds/harmonic_table.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/upward.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long bits_used = 64;
constexpr double arc = 6.2831853071795872 / static_cast<double>(HarmonicTable::arcs);  // radians, more than 2 pi / arcs: the double above 2 pi

void set_values(std::vector<double>& values, std::size_t end, const PhaseSum& sum, const RotaryModes::Powers& powers) {
  double* const x = &values[end * sum.size];
  for (std::size_t i = 0; i < powers.real.size(); ++i) {
    const double *const a = &sum.real[i * sum.size], *const b = &sum.imag[i * sum.size], re = powers.real[i], im = powers.imag[i];
    for (std::size_t k = 0; k < sum.size; ++k) x[k] += a[k] * re - b[k] * im;
  }
}

}  // namespace

HarmonicTable::HarmonicTable(std::vector<TurningQuotient> quotients, const RotaryFrequencies& frequencies, std::int64_t start) : quotients_(std::move(quotients)), start_(start) {
  const std::size_t planes = frequencies.planes();
  std::vector<ComplexBall> one(planes);
  Ball unit;
  frequencies.set_unit(unit, 0, bits_used);
  const double step = upper_double(Magnitude::of(unit));
  for (std::size_t f = 0; f < planes; ++f) frequencies.set_turn(one[f], f, 1, bits_used);
  for (const TurningQuotient& quotient : quotients_) {
    const std::size_t size = quotient.fixed.size;
    const auto ends = [&] { return std::vector<double>(arcs * size); };
    const auto each = [&] { return std::vector<double>(size); };
    Entries entries{size, ends(), ends(), ends(), ends(), each(), each(), each(), each(), each(), each(), each()};
    // A function is at most |its second derivative| arc^2 / 8 apart from the linear one; a step's is that of the sum times |e^(i (m.theta)) - 1| <= min(2, K unit).
    for (std::size_t i = 0; i < quotient.modes.count(); ++i) {
      const double turn = std::fabs(static_cast<double>(quotient.multiples[i])), bent = turn * arc * turn * arc / 8, stepped = bent * std::min(2.0, turn * step);
      for (std::size_t k = 0; k < size; ++k) {
        const std::size_t e = i * size + k;
        const double fixed = std::fabs(quotient.fixed.real[e]) + std::fabs(quotient.fixed.imag[e]), growing = std::fabs(quotient.growing.real[e]) + std::fabs(quotient.growing.imag[e]);
        entries.fixed_bent[k] += fixed * bent, entries.growing_bent[k] += growing * bent;
        entries.fixed_step_bent[k] += fixed * stepped, entries.growing_step_bent[k] += growing * stepped;
        entries.moved[k] += fixed * turn * arc;
      }
    }
    entries_.push_back(std::move(entries));
  }
  parallel_for(arcs >> 8, [&](std::size_t block) {
    std::vector<ComplexBall> turns(planes), next(planes);
    RotaryModes::Powers powers;
    Ball angle;
    for (std::size_t end = block << 8; end < (block + 1) << 8; ++end) {
      for (std::size_t f = 0; f < planes; ++f) {
        arb_set_ui(angle, end);
        arb_mul_si(angle, angle, frequencies.multiple(f), 2 * bits_used);
        arb_mul_2exp_si(angle, angle, 1 - static_cast<slong>(level));  // in half turns
        arb_sin_cos_pi(turns[f].imag(), turns[f].real(), angle, bits_used);
        acb_mul(next[f], turns[f], one[f], bits_used);
      }
      for (std::size_t q = 0; q < quotients_.size(); ++q) {
        const TurningQuotient& quotient = quotients_[q];
        quotient.modes.set_powers(powers, turns);
        set_values(entries_[q].fixed, end, quotient.fixed, powers), set_values(entries_[q].growing, end, quotient.growing, powers);
        quotient.modes.set_powers(powers, next);
        set_values(entries_[q].fixed_next, end, quotient.fixed, powers), set_values(entries_[q].growing_next, end, quotient.growing, powers);
      }
    }
  });
  for (std::size_t q = 0; q < quotients_.size(); ++q) {
    Entries& entries = entries_[q];
    for (std::size_t k = 0; k < entries.size; ++k) {
      for (std::size_t end = 0; end < arcs; ++end) {
        entries.fixed_most[k] = std::max(entries.fixed_most[k], std::fabs(entries.fixed[end * entries.size + k]));
        entries.growing_most[k] = std::max(entries.growing_most[k], std::fabs(entries.growing[end * entries.size + k]));
      }
      entries.fixed_most[k] = upward(entries.fixed_most[k] + entries.fixed_bent[k] + quotients_[q].fixed.rest[k]);
      entries.growing_most[k] = upward(entries.growing_most[k] + entries.growing_bent[k] + quotients_[q].growing.rest[k]);
    }
  }
}

// (a + b L(n)) / n at n >= from is at most (max(a, b) + b L(from)) / from, which falls as n grows: L grows by at most 1/(n+1) from n to n + 1.
std::vector<double> HarmonicTable::largest(std::int64_t from) const {
  const auto n = static_cast<double>(from);
  const double harmonic = harmonic_above(start_, from), least_harmonic = harmonic_below(start_, from);
  std::vector<double> result;
  for (std::size_t q = 0; q < quotients_.size(); ++q) {
    const Entries& entries = entries_[q];
    const auto most = [&](std::size_t k) {
      const double growing = entries.growing_most[k] + quotients_[q].later_growth(k, least_harmonic);
      return std::max(entries.fixed_most[k] + quotients_[q].later(k, harmonic), growing) + growing * harmonic;
    };
    const double least_mass = quotients_[q].mean_low - upward(most(entries.size - 1) / n);
    for (std::size_t k = 0; k + 1 < entries.size; ++k) result.push_back(least_mass > 0x1p-60 ? upward(most(k) / (least_mass * (1 - 0x1p-40) * n)) : infinite_bound);
  }
  return result;
}

double HarmonicTable::bound_at(std::size_t end, const GaugeInDoubles& gauge, bool steps, const Window& window, const Spread& harmonic, bool growing_only) const {
  static thread_local std::vector<double> x, radii;
  x.clear(), radii.clear();
  const auto from = static_cast<double>(window.from);
  const double middle = (harmonic.low + harmonic.high) / 2, half = upward((harmonic.high - harmonic.low) / 2 + harmonic.high * 0x1p-50);
  for (std::size_t q = 0; q < quotients_.size(); ++q) {
    const TurningQuotient& quotient = quotients_[q];
    const Entries& entries = entries_[q];
    const std::size_t begin = end * entries.size, mass = entries.size - 1;
    // The mass over n, on both arcs at this end, at n and (steps) n + 1; what the mass has besides n mu counts by its sign. With no end to the window, L(n) / n <= (L(from) + 1) / from.
    const double here = entries.fixed[begin + mass], there = steps ? entries.fixed_next[begin + mass] : here;
    const double apart = upward(entries.moved[mass] + quotient.fixed.rest[mass] + entries.growing_most[mass] * (harmonic.high + 1));
    const double least = std::min(here, there) - apart, most = std::max(here, there) + apart;
    const double inverse_from = 1 / from, inverse_to = window.to ? 1 / static_cast<double>(*window.to) : 0;
    double low = quotient.mean_low + (least < 0 ? least * inverse_from : least * inverse_to), high = quotient.mean_high + (most > 0 ? most * inverse_from : most * inverse_to);
    low -= std::fabs(low) * 0x1p-40, high += std::fabs(high) * 0x1p-40;
    if (!(low > 0x1p-60)) return infinite_bound;
    // n / mass; of steps also n / (n + 1) times that.
    const double largest = upward(1 / low), smallest = (1 / high) * (1 - 0x1p-40) * (steps ? 1 - 1 / (from + 1) : 1);
    const double density = (largest + smallest) / 2, spread = upward((largest - smallest) / 2 + largest * 0x1p-50);
    for (std::size_t k = 0; k < mass; ++k) {
      const double f = growing_only ? 0 : entries.fixed[begin + k], g = entries.growing[begin + k];
      const double fixed_rest = growing_only ? 0 : quotient.fixed.rest[k] + quotient.later(k, harmonic.high + (steps ? 1 / from : 0));
      const double growing_rest = quotient.growing.rest[k] + (growing_only ? quotient.later_growth(k, harmonic.low) : 0);
      const double factor = growing_only ? 1 : middle, factor_most = growing_only ? 1 : harmonic.high, factor_half = growing_only ? 0 : half;
      const double value = f + factor * g;
      if (!steps) {
        const double bent = (growing_only ? 0 : entries.fixed_bent[k]) + factor_most * entries.growing_bent[k];
        x.push_back(density * value);
        radii.push_back(upward(spread * (std::fabs(value) + bent) + largest * (fixed_rest + factor_most * growing_rest + factor_half * (std::fabs(g) + entries.growing_bent[k]) + bent) +
                               density * (std::fabs(f) + factor * std::fabs(g)) * 0x1p-50));
        continue;
      }
      const double f_next = growing_only ? 0 : entries.fixed_next[begin + k], g_next = entries.growing_next[begin + k], value_next = f_next + factor * g_next;
      const double bent = (growing_only ? 0 : entries.fixed_bent[k]) + factor_most * entries.growing_bent[k];
      const double step_bent = (growing_only ? 0 : entries.fixed_step_bent[k]) + factor_most * entries.growing_step_bent[k];
      x.push_back(density * (value_next - value));
      // L(n + 1) is in [low, high + 1/(from + 1)].
      radii.push_back(upward(spread * (std::fabs(value) + std::fabs(value_next) + 2 * bent) +
                             largest * (2 * (fixed_rest + (factor_most + 1 / from) * growing_rest) + factor_half * (std::fabs(g_next - g) + entries.growing_step_bent[k]) +
                                        (growing_only ? 0 : (std::fabs(g_next) + entries.growing_bent[k]) / from) + step_bent) +
                             density * (std::fabs(f) + std::fabs(f_next) + factor * (std::fabs(g) + std::fabs(g_next))) * 0x1p-50));
    }
  }
  return gauge(x, radii);
}

std::vector<double> HarmonicTable::bound(const GaugeInDoubles& gauge, bool steps, const Window& window) const {
  const double low = harmonic_below(start_, window.from), high = harmonic_above(start_, window.to.value_or(window.from));
  std::vector<double> result(arcs);
  parallel_for(arcs >> 8, [&](std::size_t block) {
    for (std::size_t end = block << 8; end < (block + 1) << 8; ++end) result[end] = bound_at(end, gauge, steps, window, {low, high}, false);
  });
  return result;
}

double HarmonicTable::growth(const GaugeInDoubles& gauge, bool steps, std::int64_t from) const {
  const Spread harmonic{harmonic_below(start_, from), harmonic_above(start_, from)};
  double result = 0;
  for (std::size_t end = 0; end < arcs; ++end) result = std::max(result, bound_at(end, gauge, steps, {from, std::nullopt}, harmonic, true));
  return result;
}

}  // namespace snellen
