// What one head's query sees of a run under rotary positions, whatever its own position: of the run's explicit tokens, whose weights it knows mode by mode, and of later tokens,
// whose weights are those of equal keys at growing distances, nearly. Mathematics: proofs/majorant.md, "Turning weights".
//
// Scores are less q . reference in the entries that do not turn.
#pragma once

#include <memory>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball_memory.hpp"
#include "lib/world/rotary_modes.hpp"

namespace snellen {

// The limits of a query (times the scale), of the run's key before rotation, and of its value, [head_size] each; the first `turning` entries turn.
struct TurningLimits {
  BallVector query, key, value, reference;
  std::size_t turning = 0;
};

// The explicit tokens of one key-value head: entry e's key (turned by its position) and value begin at e * width + row. The first `skipped` are left out.
struct ExplicitTokens {
  const BallMemory& memory;
  std::size_t width, row, skipped;
};

class TurningHead {
 public:
  static constexpr std::size_t pairs = 6;  // of modes that have directions of their own

  TurningHead(std::shared_ptr<const RotaryFrequencies> frequencies, TurningLimits limits, const ExplicitTokens& tokens, long bits);

  const BallVector& reference() const { return limits_.reference; }

  // sum over the explicit tokens e of w_e (v_e - v), w_e the weights that the query has in the limit, at any position of it: constant + sum of directions[d] times numbers in
  // [-1, 1] + a vector within `rest`. [head_size] each; 2 pairs directions.
  const BallVector& constant() const { return constant_; }
  const std::vector<BallVector>& directions() const { return directions_; }
  const std::vector<Magnitude>& rest() const { return rest_; }
  // At most the sum of the w_e, at any position; not positive where nothing better is known.
  const Ball& explicit_mass() const { return mass_; }
  // At least w_e at any position, for the tokens from `skipped` on.
  const std::vector<Magnitude>& largest() const { return largest_; }

  // Of equal keys, the run's in the limit, at the distances D = 0, 1, ...: E(D) >= least(); |E(0) + ... + E(D - 1) - mu D| <= excess + drift D.
  const RotaryMass& run() const { return *run_; }
  const Ball& least() const { return least_; }

 private:
  RotaryScore score(arb_srcptr key) const;

  std::shared_ptr<const RotaryFrequencies> frequencies_;
  TurningLimits limits_;
  long bits_;
  BallVector constant_;
  std::vector<BallVector> directions_;
  std::vector<Magnitude> rest_, largest_;
  Ball mass_, least_;
  std::unique_ptr<const RotaryMass> run_;
};

}  // namespace snellen
