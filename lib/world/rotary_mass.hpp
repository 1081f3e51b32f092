// The mass of a run under rotary positions: Z_n = E(D0) + E(D0 + 1) + ... + E(D0 + n - 1), E(D) = exp(c + sum over planes f of Re(b_f e^(i theta_f D))), for any n.
// Mathematics: proofs/rope.md, "Mass".
//
// With A_f = |b_f|, b_f = A_f e^(i phi_f) and I_m the modified Bessel functions, E(D) = e^c sum over integer vectors m of prod_f I_(m_f)(A_f) e^(i m_f phi_f) e^(i (m.theta) D).
// The modes with m.theta = 0 make the mean mu; each other one adds c_m e^(i m.theta D0) (1 - e^(i m.theta n)) / (1 - e^(i m.theta)), which is bounded for all n. Modes that are not
// listed add at most n times the sum of their |c_m|, which is e^c (e^(sum A_f) - the sum of the |c_m| listed).
#pragma once

#include <vector>

#include "lib/number/complex_ball.hpp"
#include "lib/number/length.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/rotary_frequencies.hpp"

namespace snellen {

// Of a query against a key at distance D: constant + sum over planes of Re(planes[f] e^(i theta_f D)).
struct RotaryScore {
  Ball constant;
  std::vector<ComplexBall> planes;
};

struct MassSettings {
  std::size_t most_modes = 60'000;
  std::size_t exact_modes = 3'000;    // kept, to be followed one by one; the others are bounded
  std::int64_t direct = 16'384;       // terms that are added up one by one
};

class RotaryMass {
 public:
  RotaryMass(RotaryScore score, const RotaryFrequencies& frequencies, std::int64_t first_distance, long bits, const MassSettings& settings);

  // Z_n, n >= 0. Beyond the terms that were added up, the `followed` largest modes are followed and the others bounded.
  void sum(arb_ptr result, const Length& n, std::size_t followed) const;
  // E(first distance + i).
  void term(arb_ptr result, const Length& i) const;
  // Contains Z_n / n for every n >= from >= 1. Not positive where nothing better is known.
  void mean(arb_ptr result, const Length& from) const;
  // Of E: the score at distance D.
  const RotaryScore& score() const { return score_; }
  // At least E(D) for every D.
  const Magnitude& largest_term() const { return largest_; }

  // What the enclosures rest on, for reports: mu, a bound of |Z_n - mu n| but for a drift of n times `drift`.
  const Ball& mu() const { return mu_; }
  const Magnitude& excess() const { return excess_; }
  const Magnitude& drift() const { return drift_; }
  std::size_t modes() const { return modes_; }
  std::size_t resonances() const { return resonances_; }

  // Adds up terms one by one as far as n, which makes sum() sharper up to there.
  void extend(std::int64_t n);

 private:
  struct Mode {
    std::vector<std::int16_t> m;
    ComplexBall factor;   // 2 c_m e^(i m.theta D0) / (1 - e^(i m.theta))
    Magnitude size;
  };
  void list_modes(const MassSettings& settings);
  void by_modes(arb_ptr result, const Length& n, std::size_t followed) const;
  void add_terms(arb_ptr sum, std::int64_t begin, std::int64_t end) const;

  RotaryScore score_;
  const RotaryFrequencies& frequencies_;
  std::int64_t first_;
  long bits_;
  std::vector<std::vector<ComplexBall>> steps_;  // [plane][i]: e^(i theta_f i)
  Magnitude largest_;
  Ball mu_;
  Magnitude excess_, drift_;
  std::vector<Mode> followed_;     // the largest modes, by size
  std::vector<Magnitude> rests_;   // [count]: what all modes but the `count` largest can add
  std::size_t modes_ = 0, resonances_ = 0;
  std::vector<Ball> checkpoints_;  // Z at multiples of `stride`
};

}  // namespace snellen
