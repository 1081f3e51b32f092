// How large a gauge of the deviation from the limit can be, times n, on each arc of the circle of phases, for windows of lengths n: from quotients of sums of modes (run_harmonics.hpp).
// Mathematics: proofs/rope.md, "Two layers, for every n".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bounds/gauge.hpp"
#include "bounds/run_harmonics.hpp"

namespace snellen {

class HarmonicTable {
 public:
  static constexpr unsigned level = 15;  // of the arcs: [c, c + 1] 2^-level turns
  static constexpr std::size_t arcs = std::size_t(1) << level;

  // For n >= start. One class of frequencies.
  HarmonicTable(std::vector<TurningQuotient> quotients, const RotaryFrequencies& frequencies, std::int64_t start);

  const std::vector<TurningQuotient>& quotients() const { return quotients_; }
  std::int64_t start() const { return start_; }

  // Lengths from `from` >= start on: up to `to`, or all.
  struct Window {
    std::int64_t from;
    std::optional<std::int64_t> to;
  };
  // At least each quotient's x_i at every n >= from, in order.
  std::vector<double> largest(std::int64_t from) const;

  // At each end c of an arc: on an arc n kappa is at most the larger of its ends', for every n of the window with L(n) <= L; with no `to` L is L(from). Of `steps`: of the pair n, n + 1, times n.
  std::vector<double> bound(const GaugeInDoubles& gauge, bool steps, const Window& window) const;
  // What this grows by, at the most, where log n grows by 1.
  double growth(const GaugeInDoubles& gauge, bool steps, std::int64_t from) const;

 private:
  struct Entries {  // of one quotient, at each end of an arc and one length later
    std::size_t size;
    std::vector<double> fixed, growing, fixed_next, growing_next;  // [end * size + k]
    // What a sum may be apart from the linear function between two ends, or from its values at both (`moved`).
    std::vector<double> fixed_bent, growing_bent, fixed_step_bent, growing_step_bent, moved;  // [k]
    std::vector<double> fixed_most, growing_most;                                             // [k]: the largest values, rests included
  };
  struct Spread {
    double low, high;  // of harmonic sums
  };
  double bound_at(std::size_t end, const GaugeInDoubles& gauge, bool steps, const Window& window, const Spread& harmonic, bool growing_only) const;

  std::vector<TurningQuotient> quotients_;
  std::int64_t start_;
  std::vector<Entries> entries_;
};

}  // namespace snellen
