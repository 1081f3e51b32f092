// What two modes that turn at different speeds add up to: sums of e^(i (tau_m - tau_p) e) over a run are at most twice |g|, g = 1/(1 - e^(i (tau_m - tau_p))), whatever falls with e is multiplied
// by. Mathematics: proofs/response.md, "Modes against modes".
//
// The modes are those of a RotaryModes, i = 0, ..., count() - 1, and then the opposites of 1, ..., count() - 1: all() of them.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/world/rotary_modes.hpp"

namespace snellen {

class TurningPairs {
 public:
  // M: where the run's later tokens begin.
  TurningPairs(const RotaryModes& modes, const RotaryFrequencies& frequencies, std::int64_t first, long bits);

  std::size_t count() const { return turn_real_.size() / 2 + 1; }
  std::size_t all() const { return turn_real_.size(); }
  std::size_t opposite(std::size_t m) const { return m == 0 ? 0 : m < count() ? m + count() - 1 : m - (count() - 1); }
  // At least |e^(i tau_m) - 1|.
  double step(std::size_t m) const { return steps_[m]; }

  // Of p < count() with every m: at least |g|; g e^(i (tau_m - tau_p) M) within 2^-32 |g|^2. Zeros where the speeds are too near to tell (m = p among them), which `close` lists.
  struct Row {
    std::vector<double> sizes, real, imag;
    std::vector<std::size_t> close;
  };
  void set_row(Row& row, std::size_t p) const;

 private:
  std::vector<double> turn_real_, turn_imag_, first_real_, first_imag_, steps_;  // [all]: e^(i tau_m), e^(i tau_m M)
};

// e^(i (m.theta) n) of all modes.
void set_powers(RotaryModes::Powers& powers, const RotaryModes& modes, const RotaryFrequencies& frequencies, std::int64_t n, long bits);

}  // namespace snellen
