#include "lib/world/turning_head.hpp"

#include <algorithm>
#include <numeric>

namespace snellen {
namespace {

constexpr std::size_t most_modes = 400;     // of m and -m one each
constexpr std::size_t largest_number = 24;  // of a mode in one plane
constexpr double least_share = -40;         // log2 of the share of the largest mode below which none is looked at
// The run's mean: its modes are bounded, not followed, and no terms are added up.
constexpr MassSettings run_settings{4000, 0, 0};

struct Bessel {
  Ball size;                      // A
  BallVector numbers;             // I_m(A)
  std::vector<ComplexBall> terms; // I_m(A) e^(i m phi)
};

// Of b = A e^(i phi), for m = 0, ..., count - 1.
Bessel bessel_of(const ComplexBall& b, std::size_t count, long bits) {
  Bessel result{{}, BallVector(count), std::vector<ComplexBall>(count)};
  acb_abs(result.size, b, bits);
  ComplexBall phase, power;
  acb_div_arb(phase, b, result.size, bits);
  if (!acb_is_finite(phase)) {  // |e^(i phi)| = 1
    acb_zero(phase);
    arb_add_error_2exp_si(phase.real(), 0), arb_add_error_2exp_si(phase.imag(), 0);
  }
  Ball number;
  acb_one(power);
  for (std::size_t m = 0; m < count; ++m) {
    arb_set_ui(number, m);
    arb_hypgeom_bessel_i(result.numbers[m], number, result.size, bits);
    acb_mul_arb(result.terms[m], power, result.numbers[m], bits);
    acb_mul(power, power, phase, bits);
  }
  return result;
}

}  // namespace

// Vectors m, one of m and -m each, in an order in which neighbours share their first numbers; 0 comes first.
struct TurningHead::Modes {
  std::vector<std::vector<std::int16_t>> numbers;
  std::vector<std::size_t> shared;   // planes shared with the mode before
  std::vector<bool> resonant;
  std::vector<std::size_t> counts;   // of each plane: 1 + its largest number
};

// <R_i q, R_j k> in each plane is Re(q conj(k) e^(i theta (i - j))), and q conj(R_j k) = q conj(k) e^(-i theta j).
RotaryScore TurningHead::score(arb_srcptr key) const {
  const std::size_t half = limits_.turning / 2, size = limits_.query.size();
  RotaryScore result;
  Ball t;
  for (std::size_t i = limits_.turning; i < size; ++i) {
    arb_sub(t, key + i, limits_.reference[i], bits_);
    arb_addmul(result.constant, limits_.query[i], t, bits_);
  }
  for (std::size_t f = 0; f < half; ++f) {
    ComplexBall a, b;
    arb_set(a.real(), limits_.query[f]), arb_set(a.imag(), limits_.query[f + half]);
    arb_set(b.real(), key + f), arb_neg(b.imag(), key + f + half);
    acb_mul(a, a, b, bits_);
    result.planes.push_back(std::move(a));
  }
  return result;
}

TurningHead::Modes TurningHead::choose_modes(const RotaryScore& score) const {
  const std::size_t planes = score.planes.size();
  Modes modes;
  std::vector<std::vector<double>> logarithms;  // of I_m(A) / I_0(A), for the choice only
  for (const ComplexBall& b : score.planes) {
    const Bessel bessel = bessel_of(b, largest_number + 1, bits_);
    std::vector<double> logs;
    for (std::size_t m = 0; m <= largest_number; ++m) logs.push_back(Magnitude::of(bessel.numbers[m]).log2() - Magnitude::of(bessel.numbers[0]).log2());
    logarithms.push_back(std::move(logs));
  }
  std::vector<std::int16_t> m(planes);
  std::vector<std::vector<std::int16_t>> found;
  // All modes above the threshold; `leading`: no number was nonzero yet, so that the next one is taken positive.
  const auto walk = [&](const auto& self, std::size_t f, double log, double threshold, bool leading) -> void {
    if (found.size() > most_modes) return;
    if (f == planes) return found.push_back(m);
    for (std::size_t k = 0; k <= largest_number && log + logarithms[f][k] >= threshold; ++k)
      for (int sign = 1; sign >= (k == 0 || leading ? 1 : -1); sign -= 2) {
        m[f] = static_cast<std::int16_t>(sign * static_cast<int>(k));
        self(self, f + 1, log + logarithms[f][k], threshold, leading && k == 0);
      }
    m[f] = 0;
  };
  for (double threshold = -1; threshold >= least_share; threshold -= 1) {
    found.clear();
    walk(walk, 0, 0, threshold, true);
    if (found.size() > most_modes) break;
    modes.numbers = found;
  }
  if (modes.numbers.empty()) modes.numbers.emplace_back(planes);  // 0 alone
  modes.counts.assign(planes, 1);
  for (std::size_t i = 0; i < modes.numbers.size(); ++i) {
    const std::vector<std::int16_t>& here = modes.numbers[i];
    std::size_t shared = 0;
    if (i > 0)
      while (shared < planes && here[shared] == modes.numbers[i - 1][shared]) ++shared;
    modes.shared.push_back(shared);
    modes.resonant.push_back(frequencies_->resonant(here.data()));
    for (std::size_t f = 0; f < planes; ++f) modes.counts[f] = std::max(modes.counts[f], static_cast<std::size_t>(std::abs(here[f])) + 1);
  }
  return modes;
}

TurningHead::TurningHead(std::shared_ptr<const RotaryFrequencies> frequencies, TurningLimits limits, const ExplicitTokens& tokens, long bits)
    : frequencies_(std::move(frequencies)), limits_(std::move(limits)), bits_(bits), constant_(limits_.value.size()), rest_(limits_.value.size()) {
  const std::size_t size = limits_.value.size(), planes = limits_.turning / 2;
  const RotaryScore equal = score(limits_.key[0]);
  arb_set(least_, equal.constant);
  Ball t;
  for (const ComplexBall& b : equal.planes) {
    acb_abs(t, b, bits_);
    arb_sub(least_, least_, t, bits_);
  }
  arb_exp(least_, least_, bits_);
  run_ = std::make_unique<const RotaryMass>(equal, *frequencies_, 0, bits_, run_settings);

  // V_m = sum of c_m^(e) (v_e - v) and U_m = sum of c_m^(e), c_m^(e) = e^c prod I_(m_f)(A_f) e^(i m_f phi_f).
  const Modes modes = choose_modes(equal);
  const std::size_t count = modes.numbers.size();
  std::vector<std::vector<ComplexBall>> sums(count, std::vector<ComplexBall>(size));
  std::vector<ComplexBall> masses(count);
  Magnitude unlisted;  // what the modes that are not listed may take from the mass
  for (std::size_t e = tokens.skipped; e < tokens.memory.entries; ++e) {
    const std::size_t begin = e * tokens.width + tokens.row;
    const RotaryScore here = score(tokens.memory.keys[begin]);
    std::vector<Bessel> bessel;
    Ball scale, most, listed;
    arb_exp(scale, here.constant, bits_);
    arb_set(most, here.constant);
    for (std::size_t f = 0; f < planes; ++f) {
      bessel.push_back(bessel_of(here.planes[f], modes.counts[f], bits_));
      arb_add(most, most, bessel[f].size, bits_);
    }
    arb_exp(most, most, bits_);  // e^c times the sum of all I
    largest_.push_back(Magnitude::of(most));
    BallVector apart(size);
    for (std::size_t i = 0; i < size; ++i) arb_sub(apart[i], tokens.memory.values[begin + i], limits_.value[i], bits_);

    std::vector<ComplexBall> products(planes + 1);
    std::vector<Ball> sizes(planes + 1);
    acb_set_arb(products[0], scale), arb_set(sizes[0], scale);
    ComplexBall term;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t f = modes.shared[i]; f < planes; ++f) {
        const int number = modes.numbers[i][f];
        const auto m = static_cast<std::size_t>(std::abs(number));
        acb_set(term, bessel[f].terms[m]);
        if (number < 0) acb_conj(term, term);
        acb_mul(products[f + 1], products[f], term, bits_);
        arb_mul(sizes[f + 1], sizes[f], bessel[f].numbers[m], bits_);
      }
      const ComplexBall& c = products[planes];
      acb_add(masses[i], masses[i], c, bits_);
      for (std::size_t k = 0; k < size; ++k) {
        arb_addmul(sums[i][k].real(), c.real(), apart[k], bits_);
        arb_addmul(sums[i][k].imag(), c.imag(), apart[k], bits_);
      }
      for (int twice = i == 0 ? 1 : 0; twice < 2; ++twice) arb_add(listed, listed, sizes[planes], bits_);  // m = 0 is its own opposite
    }
    arb_sub(most, most, listed, bits_);
    const Magnitude missing = Magnitude::of(most);
    unlisted += missing;
    for (std::size_t k = 0; k < size; ++k) rest_[k] += missing * Magnitude::of(apart[k]);
  }

  // m and -m together: 2 Re(V_m e^(i tau)), tau an angle that depends on the position; 0 where m is resonant.
  std::vector<std::size_t> turning;
  for (std::size_t i = 0; i < count; ++i) {
    const long twice = i == 0 ? 0 : 1;
    for (ComplexBall& v : sums[i]) acb_mul_2exp_si(v, v, twice);
    acb_mul_2exp_si(masses[i], masses[i], twice);
    if (!modes.resonant[i]) {
      turning.push_back(i);
      Ball modulus;
      acb_abs(modulus, masses[i], bits_);
      arb_sub(mass_, mass_, modulus, bits_);
      continue;
    }
    arb_add(mass_, mass_, masses[i].real(), bits_);
    for (std::size_t k = 0; k < size; ++k) arb_add(constant_[k], constant_[k], sums[i][k].real(), bits_);
  }
  arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), unlisted.get()), mag_zero(arb_radref(static_cast<arb_ptr>(t)));
  arb_sub(mass_, mass_, t, bits_);
  const auto modulus_of = [&](std::size_t i) {
    Magnitude sum;
    for (const ComplexBall& v : sums[i]) {
      Magnitude modulus;
      acb_get_mag(modulus.get(), v);
      sum += modulus;
    }
    return sum;
  };
  std::vector<Magnitude> moduli(count);
  for (const std::size_t i : turning) moduli[i] = modulus_of(i);
  std::stable_sort(turning.begin(), turning.end(), [&](std::size_t a, std::size_t b) { return moduli[b] < moduli[a]; });
  for (std::size_t place = 0; place < pairs; ++place) {
    BallVector real(size), imaginary(size);
    for (std::size_t k = 0; k < size && place < turning.size(); ++k) arb_set(real[k], sums[turning[place]][k].real()), arb_set(imaginary[k], sums[turning[place]][k].imag());
    directions_.push_back(std::move(real)), directions_.push_back(std::move(imaginary));
  }
  for (std::size_t place = pairs; place < turning.size(); ++place)
    for (std::size_t k = 0; k < size; ++k) {
      Magnitude modulus;
      acb_get_mag(modulus.get(), sums[turning[place]][k]);
      rest_[k] += modulus;
    }
}

}  // namespace snellen
