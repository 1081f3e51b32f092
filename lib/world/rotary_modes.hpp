// Weights under rotary positions as sums of modes: e^score = sum over integer vectors m of c_m e^(i (m.theta) n), a score being a function of n (rotary_mass.hpp). One list of modes serves
// the weights of many tokens. Mathematics: proofs/rope.md, "Mass".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/world/rotary_mass.hpp"

namespace snellen {

class RotaryModes {
 public:
  // The largest modes of e^score, at most `most`, of m and -m one each; 0 comes first, and neighbours share their first numbers.
  RotaryModes(const RotaryScore& score, const RotaryFrequencies& frequencies, std::size_t most, long bits);

  std::size_t count() const { return numbers_.size(); }
  std::size_t planes() const { return counts_.size(); }
  const std::vector<std::int16_t>& numbers(std::size_t i) const { return numbers_[i]; }
  // m.theta = 0, proved.
  bool resonant(std::size_t i) const { return resonant_[i]; }

  struct Expansion {
    Ball total;                             // e^(c + sum of |b_f|), which is the sum of all |c_m| and at least every weight
    std::vector<ComplexBall> coefficients;  // c_m of the modes listed (c_-m is its conjugate)
    Magnitude unlisted;                     // at least the sum of the |c_m| that are not, nor are their opposites
  };
  // Of the weight with this score, which has as many planes.
  Expansion expand(const RotaryScore& score) const;

  // power_i = e^(i (m.theta) n) of each mode, from e^(i theta_f n) of each plane. In doubles: where each plane's turn is within 2^-52 of the truth and there are at most `most_planes`,
  // each power is within `power_error`: at most 24 products a plane and one to join them, each of which errs by less than 2^-51 besides what its factors did, as their moduli are at most 1 + 2^-40.
  static constexpr std::size_t most_planes = 64;
  static constexpr double power_error = 0x1p-39;
  struct Powers {
    std::vector<double> real, imag;
  };
  void set_powers(Powers& powers, const std::vector<ComplexBall>& turns) const;

 private:
  long bits_;
  std::vector<std::vector<std::int16_t>> numbers_;
  std::vector<std::size_t> shared_;  // planes shared with the mode before
  std::vector<bool> resonant_;
  std::vector<std::size_t> counts_;  // of each plane: 1 + its largest number
};

}  // namespace snellen
