// How large a gauge of the deviation from the limit can be, times n, as a function of the phases of the rotary positions: an almost periodic function of n, bounded on boxes of
// the torus of phases. Mathematics: proofs/rope.md, "Suprema on the torus".
#pragma once

#include <cstdint>
#include <vector>

#include "bounds/gauge.hpp"
#include "lib/world/rotary_run.hpp"

namespace snellen {

// One cell of the torus: coordinate j in [index_j, index_j + 1] 2^-level_j turns, a coordinate for each class of frequencies.
struct PhaseCell {
  std::vector<std::uint32_t> index;
  std::vector<std::uint8_t> level;
};

// Gauges of one question, each for shares up to a bound: the smaller the bound, the better the derivatives are known.
struct GaugeLadder {
  struct Rung {
    Magnitude largest_share;
    Gauge gauge;
  };
  std::vector<Rung> rungs;  // by descending bounds
};

class PhaseBound {
 public:
  // Holds for n >= from. What is referred to outlives this object.
  PhaseBound(const RotaryRun& run, const GaugeLadder& ladder, const Length& from);

  // At least n kappa at every n >= from whose phases (unit(j) n / (2 pi) mod 1)_j are within 2^-60 of the cell.
  Magnitude over(const PhaseCell& cell) const;
  // At least n kappa at this n >= from.
  Magnitude at(const Length& n) const;

  // At least n kappa for every n >= from: cells are halved until the supremum is known to a part in 2^accuracy, or there are too many.
  Magnitude supremum(long accuracy, std::size_t most_cells) const;
  // Cells that together contain the phases of every n >= from with n kappa > least: of the finest level, or coarser ones where there would be too many.
  std::vector<PhaseCell> above(const Length& least, unsigned finest, std::size_t most_cells) const;

 private:
  Magnitude bound(const std::vector<ComplexBall>& turns, const std::vector<Magnitude>& half_widths) const;
  std::vector<PhaseCell> halves(const PhaseCell& cell) const;
  std::vector<Magnitude> over_all(const std::vector<PhaseCell>& cells) const;

  const RotaryRun& run_;
  const GaugeLadder& ladder_;
  bool steps_;
  Magnitude inverse_from_;
  std::vector<Ball> densities_;             // n / mass, for each head
  std::vector<ComplexBall> one_step_;       // e^(i theta_f)
  std::vector<std::vector<Magnitude>> amplitudes_;  // [share][plane]
  std::vector<double> urgency_;             // of each coordinate: how fast scores vary along it
  std::vector<Magnitude> most_dense_, changes_;  // at least n / mass, and the change of the mass from n to n + 1, for each head
};

}  // namespace snellen
