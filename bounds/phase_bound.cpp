#include "bounds/phase_bound.hpp"

#include <algorithm>
#include <cmath>

#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long bits_used = 64;
constexpr std::uint8_t deepest = 30;       // level
constexpr std::size_t most_corners = 3;  // log2 of the corners of a cell that are looked at one by one

Magnitude inverse_of(const Length& n) {
  Ball ball;
  set_length(ball, n);
  arb_inv(ball, ball, bits_used);
  return Magnitude::of(ball);
}

}  // namespace

PhaseBound::PhaseBound(const RotaryRun& run, const GaugeLadder& ladder, const Length& from)
    : run_(run), ladder_(ladder), steps_(ladder.rungs.at(0).gauge.of_steps()), inverse_from_(inverse_of(from)) {
  const RotaryFrequencies& frequencies = run.frequencies();
  one_step_.resize(frequencies.planes());
  urgency_.assign(frequencies.classes(), 0);
  Ball angle, one;
  arb_one(one);
  for (std::size_t f = 0; f < frequencies.planes(); ++f) {
    frequencies.set_frequency(angle, f, bits_used);
    set_unit(one_step_[f], angle, bits_used);
  }
  for (std::size_t h = 0; h < run.heads(); ++h) {
    Ball density = run.inverse_density(h, from);
    most_dense_.push_back(Magnitude::of(density));
    Magnitude change = run.mass(h).largest_term();  // of the mass from n to n + 1
    for (std::size_t s = 0; s < run.singles(); ++s)
      if (!run.score(h, s).planes.empty()) change += run.largest_weight(h, s);
    for (std::size_t s = 0; s < run.singles(); ++s) {
      std::vector<Magnitude> amplitudes(frequencies.planes());
      const RotaryScore& score = run.score(h, s);
      for (std::size_t f = 0; f < score.planes.size(); ++f) {
        acb_get_mag(amplitudes[f].get(), score.planes[f]);
        urgency_[frequencies.class_of(f)] += static_cast<double>(frequencies.multiple(f)) * std::exp2(amplitudes[f].log2());
      }
      amplitudes_.push_back(std::move(amplitudes));
    }
    changes_.push_back(std::move(change));
    if (steps_) {  // n / Z_(n+1) = (n + 1) / Z_(n+1) less at most a part of 1 / (from + 1)
      Ball part;
      mag_set(arb_radref(static_cast<arb_ptr>(part)), inverse_from_.get());
      arb_add(part, part, one, bits_used);
      arb_mul(density, density, part, bits_used);
    }
    densities_.push_back(std::move(density));
  }
}

// With x(t) the vector of densities times weights (or of their differences), t within h_j of the centre in coordinate j: by Taylor's formula kappa(x(t)) is at most
// the largest kappa(x + sum of +-h_j dx_j), a convex function's maximum over a box, and kappa of the remainders; or, where the cell is wide, kappa over the ranges.
Magnitude PhaseBound::bound(const std::vector<ComplexBall>& turns, const std::vector<Magnitude>& half_widths) const {
  const RotaryFrequencies& frequencies = run_.frequencies();
  const std::size_t planes = frequencies.planes(), classes = frequencies.classes(), count = run_.heads() * run_.singles();
  const std::size_t steps = steps_ ? 2 : 1;
  std::vector<std::vector<ComplexBall>> at(steps, turns);
  if (steps_)
    for (std::size_t f = 0; f < planes; ++f) acb_mul(at[1][f], turns[f], one_step_[f], bits_used);
  std::vector<Magnitude> arcs(planes);  // of each plane
  for (std::size_t f = 0; f < planes; ++f) mag_mul_ui(arcs[f].get(), half_widths[frequencies.class_of(f)].get(), static_cast<ulong>(frequencies.multiple(f)));
  const bool point = std::all_of(arcs.begin(), arcs.end(), [](const Magnitude& arc) { return arc.is_zero(); });
  BallVector centre(count), ranges(count);
  std::vector<BallVector> slopes;
  for (std::size_t j = 0; j < classes; ++j) slopes.emplace_back(point ? 0 : count);
  std::vector<Magnitude> rests(count), curved(count);  // what the mass's change adds; and the remainders of Taylor's formula
  Magnitude largest_share;
  bool narrow = !point;
  Ball weight, range, change, t;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t h = k / run_.singles(), s = k % run_.singles();
    const RotaryScore& score = run_.score(h, s);
    for (std::size_t step = 0; step < steps; ++step) {
      const bool adds = step + 1 == steps;  // x = w(n + 1) - w(n), or w(n)
      arb_set_round(weight, score.constant, bits_used);
      for (std::size_t f = 0; f < score.planes.size(); ++f) add_real_product(weight, score.planes[f], at[step][f], bits_used);
      arb_set(range, weight);
      for (std::size_t f = 0; f < score.planes.size(); ++f) {
        Magnitude moved = arcs[f];
        if (mag_cmp_2exp_si(moved.get(), 1) > 0) mag_set_ui(moved.get(), 2);
        arb_add_error_mag(range, (amplitudes_[k][f] * moved).get());
      }
      arb_exp(range, range, bits_used);
      const Magnitude most = Magnitude::of(range), share = most * most_dense_[h] * inverse_from_;
      if (largest_share < share) largest_share = share;
      // n w(n) (1/T_(n+1) - 1/T_n).
      if (steps_ && step == 0) rests[k] = share * changes_[h] * most_dense_[h];
      if (score.planes.empty() && steps_) continue;  // the weight of a token of Q does not change
      arb_exp(weight, weight, bits_used);
      (adds ? arb_add : arb_sub)(centre[k], centre[k], weight, bits_used);
      if (point) continue;
      (adds ? arb_add : arb_sub)(ranges[k], ranges[k], range, bits_used);
      // |ds| over the cell <= sum h_j |s_j| + sum of arcs^2 A; |d2s| <= sum of arcs^2 A.
      Magnitude first, second;
      for (std::size_t f = 0; f < score.planes.size(); ++f) second += arcs[f] * arcs[f] * amplitudes_[k][f];
      for (std::size_t j = 0; j < classes; ++j) {
        arb_zero(change);
        for (std::size_t f = j; f < score.planes.size(); ++f) {
          if (frequencies.class_of(f) != j) continue;
          // Re(i b e) = -(Re b Im e + Im b Re e).
          arb_mul(t, score.planes[f].real(), at[step][f].imag(), bits_used);
          arb_addmul(t, score.planes[f].imag(), at[step][f].real(), bits_used);
          arb_submul_si(change, t, frequencies.multiple(f), bits_used);
        }
        first += half_widths[j] * Magnitude::of(change);
        arb_mul(change, change, weight, bits_used);
        (adds ? arb_add : arb_sub)(slopes[j][k], slopes[j][k], change, bits_used);
      }
      first += second;
      if (mag_cmp_2exp_si(first.get(), 1) > 0) narrow = false;
      else curved[k] += shifted(most_dense_[h] * Magnitude::of(weight) * (expm1(first) + Magnitude::of(1UL)) * (first * first + second), -1);
    }
    arb_mul(centre[k], centre[k], densities_[h], bits_used);
    if (point) continue;
    arb_mul(ranges[k], ranges[k], densities_[h], bits_used);
    for (std::size_t j = 0; j < classes; ++j) arb_mul(slopes[j][k], slopes[j][k], densities_[h], bits_used);
  }
  // The derivatives that hold for these shares; the shares of the step to n + 1 are among them.
  const Gauge* gauge = nullptr;
  for (const GaugeLadder::Rung& rung : ladder_.rungs)
    if (!(rung.largest_share < largest_share)) gauge = &rung.gauge;
  Magnitude result;
  if (!gauge) return mag_inf(result.get()), result;
  for (std::size_t k = 0; k < count; ++k) result += gauge->unit(k) * rests[k];
  if (point) return result + (*gauge)(centre);
  if (!narrow) return result + (*gauge)(ranges);
  for (std::size_t k = 0; k < count; ++k) result += gauge->unit(k) * curved[k];
  for (std::size_t j = 0; j < classes; ++j) {
    Ball half;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(half)), half_widths[j].get());
    for (std::size_t k = 0; k < count; ++k) arb_mul(slopes[j][k], slopes[j][k], half, bits_used);
  }
  Magnitude linear;
  if (classes <= most_corners) {
    for (std::size_t corner = 0; corner < (std::size_t(1) << classes); ++corner) {
      BallVector x(count);
      for (std::size_t k = 0; k < count; ++k) {
        arb_set(x[k], centre[k]);
        for (std::size_t j = 0; j < classes; ++j) (((corner >> j) & 1) != 0 ? arb_sub : arb_add)(x[k], x[k], slopes[j][k], bits_used);
      }
      const Magnitude value = (*gauge)(x);
      if (linear < value) linear = value;
    }
  } else {
    linear = (*gauge)(centre);
    BallVector opposite(count);
    for (std::size_t j = 0; j < classes; ++j) {
      for (std::size_t k = 0; k < count; ++k) arb_neg(opposite[k], slopes[j][k]);
      const Magnitude up = (*gauge)(slopes[j]), down = (*gauge)(opposite);
      linear += up < down ? down : up;
    }
  }
  return result + linear;
}

Magnitude PhaseBound::over(const PhaseCell& cell) const {
  const RotaryFrequencies& frequencies = run_.frequencies();
  std::vector<Magnitude> half_widths(cell.index.size());
  Ball two_pi, half;
  arb_const_pi(two_pi, bits_used);
  arb_mul_2exp_si(two_pi, two_pi, 1);
  for (std::size_t j = 0; j < cell.index.size(); ++j) {
    arb_one(half);
    arb_mul_2exp_si(half, half, -1 - static_cast<slong>(cell.level[j]));
    mag_add_ui_2exp_si(half_widths[j].get(), Magnitude::of(half).get(), 1, -60);
    half_widths[j] *= Magnitude::of(two_pi);
  }
  std::vector<ComplexBall> turns(frequencies.planes());
  Ball angle;
  for (std::size_t f = 0; f < turns.size(); ++f) {
    const std::size_t j = frequencies.class_of(f);
    arb_set_ui(angle, 2 * static_cast<ulong>(cell.index[j]) + 1);
    arb_mul_2exp_si(angle, angle, -static_cast<slong>(cell.level[j]));  // the centre, in half turns
    arb_mul_si(angle, angle, frequencies.multiple(f), 2 * bits_used);
    arb_sin_cos_pi(turns[f].imag(), turns[f].real(), angle, bits_used);
  }
  return bound(turns, half_widths);
}

Magnitude PhaseBound::at(const Length& n) const {
  const RotaryFrequencies& frequencies = run_.frequencies();
  std::vector<ComplexBall> turns(frequencies.planes());
  for (std::size_t f = 0; f < turns.size(); ++f) frequencies.set_turn(turns[f], f, n, bits_used);
  return bound(turns, std::vector<Magnitude>(frequencies.classes()));
}

std::vector<PhaseCell> PhaseBound::halves(const PhaseCell& cell) const {
  std::size_t widest = 0;
  const auto urgency = [&](std::size_t j) { return cell.level[j] >= deepest ? -1.0 : std::ldexp(urgency_[j] + 1e-300, -static_cast<int>(cell.level[j])); };
  for (std::size_t j = 1; j < cell.index.size(); ++j)
    if (urgency(j) > urgency(widest)) widest = j;
  PhaseCell lower = cell;
  ++lower.level[widest];
  lower.index[widest] *= 2;
  PhaseCell upper = lower;
  ++upper.index[widest];
  return {lower, upper};
}

std::vector<Magnitude> PhaseBound::over_all(const std::vector<PhaseCell>& cells) const {
  std::vector<Magnitude> bounds(cells.size());
  parallel_for(cells.size(), [&](std::size_t i) { bounds[i] = over(cells[i]); });
  return bounds;
}

Magnitude PhaseBound::supremum(long accuracy, std::size_t most_cells) const {
  const std::size_t classes = run_.frequencies().classes();
  std::vector<PhaseCell> cells{{std::vector<std::uint32_t>(classes), std::vector<std::uint8_t>(classes)}};
  Magnitude largest = over(cells[0]), seen;  // seen: values at points, or above them. A cell below that can be left out, as the answer is at least `seen`.
  std::size_t examined = 0;
  for (std::size_t depth = 0; depth < deepest * classes; ++depth) {
    std::vector<PhaseCell> next;
    for (const PhaseCell& cell : cells)
      for (PhaseCell& half : halves(cell)) next.push_back(std::move(half));
    if ((examined += next.size()) > most_cells) break;
    const std::vector<Magnitude> bounds = over_all(next);
    // A point of the most promising cell.
    const auto best = static_cast<std::size_t>(std::max_element(bounds.begin(), bounds.end(), [](const Magnitude& a, const Magnitude& b) { return a < b; }) - bounds.begin());
    PhaseCell point = next[best];
    for (std::size_t j = 0; j < classes; ++j)
      if (point.level[j] < deepest) point.index[j] = (2 * point.index[j] + 1) << (deepest - 1 - point.level[j]), point.level[j] = deepest;
    const Magnitude value = over(point);
    if (seen < value) seen = value;
    cells.clear();
    largest = seen;
    for (std::size_t i = 0; i < next.size(); ++i) {
      if (bounds[i] < seen) continue;
      if (largest < bounds[i]) largest = bounds[i];
      cells.push_back(std::move(next[i]));
    }
    Magnitude enough = shifted(seen, -accuracy);
    enough += seen;
    if (cells.empty() || !(enough < largest)) break;
  }
  return largest;
}

std::vector<PhaseCell> PhaseBound::above(const Length& least, unsigned finest, std::size_t most_cells) const {
  const std::size_t classes = run_.frequencies().classes();
  std::vector<PhaseCell> cells{{std::vector<std::uint32_t>(classes), std::vector<std::uint8_t>(classes)}};
  Ball limit;
  set_length(limit, least);
  for (;;) {
    std::vector<PhaseCell> next, done;
    for (PhaseCell& cell : cells) {
      const bool finished = std::all_of(cell.level.begin(), cell.level.end(), [&](std::uint8_t level) { return level >= finest; });
      if (finished) {
        done.push_back(std::move(cell));
        continue;
      }
      for (PhaseCell& half : halves(cell)) next.push_back(std::move(half));
    }
    if (next.empty()) return done;
    const std::vector<Magnitude> bounds = over_all(next);
    cells = std::move(done);
    for (std::size_t i = 0; i < next.size(); ++i) {
      Ball value;
      arf_set_mag(arb_midref(static_cast<arb_ptr>(value)), bounds[i].get());
      if (!arb_le(value, limit)) cells.push_back(std::move(next[i]));
    }
    if (cells.size() > most_cells) return cells;
  }
}

}  // namespace snellen
