#include "lib/world/rotary_modes.hpp"

#include <algorithm>
#include <cmath>

namespace snellen {
namespace {

constexpr std::size_t largest_number = 24;  // of a mode in one plane
constexpr double least_share = -40;         // log2 of the share of the largest mode below which none is looked at

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

RotaryModes::RotaryModes(const RotaryScore& score, const RotaryFrequencies& frequencies, std::size_t most, long bits) : bits_(bits) {
  const std::size_t planes = score.planes.size();
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
    if (found.size() > most) return;
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
    if (found.size() > most) break;
    numbers_ = found;
  }
  if (numbers_.empty()) numbers_.emplace_back(planes);  // 0 alone
  counts_.assign(planes, 1);
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const std::vector<std::int16_t>& here = numbers_[i];
    std::size_t shared = 0;
    if (i > 0)
      while (shared < planes && here[shared] == numbers_[i - 1][shared]) ++shared;
    shared_.push_back(shared);
    resonant_.push_back(frequencies.resonant(here.data()));
    for (std::size_t f = 0; f < planes; ++f) counts_[f] = std::max(counts_[f], static_cast<std::size_t>(std::abs(here[f])) + 1);
  }
}

// c_m = e^c prod I_(m_f)(A_f) e^(i m_f phi_f).
RotaryModes::Expansion RotaryModes::expand(const RotaryScore& score) const {
  const std::size_t planes = counts_.size();
  Expansion result;
  result.coefficients.resize(count());
  std::vector<Bessel> bessel;
  Ball scale, listed;
  arb_exp(scale, score.constant, bits_);
  arb_set(result.total, score.constant);
  for (std::size_t f = 0; f < planes; ++f) {
    bessel.push_back(bessel_of(score.planes[f], counts_[f], bits_));
    arb_add(result.total, result.total, bessel[f].size, bits_);
  }
  arb_exp(result.total, result.total, bits_);  // e^c times the sum of all I
  std::vector<ComplexBall> products(planes + 1);
  std::vector<Ball> sizes(planes + 1);
  acb_set_arb(products[0], scale), arb_set(sizes[0], scale);
  ComplexBall term;
  for (std::size_t i = 0; i < count(); ++i) {
    for (std::size_t f = shared_[i]; f < planes; ++f) {
      const int number = numbers_[i][f];
      const auto m = static_cast<std::size_t>(std::abs(number));
      acb_set(term, bessel[f].terms[m]);
      if (number < 0) acb_conj(term, term);
      acb_mul(products[f + 1], products[f], term, bits_);
      arb_mul(sizes[f + 1], sizes[f], bessel[f].numbers[m], bits_);
    }
    acb_set(result.coefficients[i], products[planes]);
    for (int twice = i == 0 ? 1 : 0; twice < 2; ++twice) arb_add(listed, listed, sizes[planes], bits_);  // m = 0 is its own opposite
  }
  Ball missing;
  arb_sub(missing, result.total, listed, bits_);
  result.unlisted = Magnitude::of(missing);
  return result;
}

void RotaryModes::set_powers(Powers& powers, const std::vector<ComplexBall>& turns) const {
  const std::size_t planes = counts_.size();
  powers.real.resize(count()), powers.imag.resize(count());
  std::vector<std::vector<double>> real(planes), imag(planes);  // of each plane's turn, number by number
  for (std::size_t f = 0; f < planes; ++f) {
    real[f].resize(counts_[f]), imag[f].resize(counts_[f]);
    const double a = arf_get_d(arb_midref(turns[f].real()), ARF_RND_NEAR), b = arf_get_d(arb_midref(turns[f].imag()), ARF_RND_NEAR);
    real[f][0] = 1, imag[f][0] = 0;
    for (std::size_t m = 1; m < counts_[f]; ++m) {
      real[f][m] = real[f][m - 1] * a - imag[f][m - 1] * b;
      imag[f][m] = real[f][m - 1] * b + imag[f][m - 1] * a;
    }
  }
  std::vector<double> x(planes + 1), y(planes + 1);
  x[0] = 1, y[0] = 0;
  for (std::size_t i = 0; i < count(); ++i) {
    for (std::size_t f = shared_[i]; f < planes; ++f) {
      const int number = numbers_[i][f];
      const auto m = static_cast<std::size_t>(std::abs(number));
      const double a = real[f][m], b = number < 0 ? -imag[f][m] : imag[f][m];
      x[f + 1] = x[f] * a - y[f] * b;
      y[f + 1] = x[f] * b + y[f] * a;
    }
    powers.real[i] = x[planes], powers.imag[i] = y[planes];
  }
}

}  // namespace snellen
