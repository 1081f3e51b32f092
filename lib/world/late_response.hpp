// The tokens of a run P . a^n far out, layer by layer, beyond those that were evaluated: how far each is from the run's limit, as a sum of known vectors times known functions of its place, and a
// rest whose 2-norm is bounded; and how far from the token before it. Mathematics: proofs/response.md.
//
// Token j is the sequence's j-th, counted from 1 (|P| of the prefix first). Tokens 1, ..., M - 1 are explicit; of token j >= M the residual stream is
//
//   x_j = r + sum over k of psi_k(j) sum over modes m of X_km e^(i tau_m j) + w_j,      psi_k(j) = log(j/M)^k M/j,      |w_j|_2 <= rest,      |w_j - w_(j-1)|_2 <= step (j > M).
//
// The modes are those of one list, the same for all layers and heads, and their opposites (conjugate vectors).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/late_bound.hpp"
#include "lib/world/late_pairs.hpp"
#include "lib/world/mode_vectors.hpp"
#include "lib/world/run_sums.hpp"
#include "lib/world/smooth_response.hpp"
#include "lib/world/turning_pairs.hpp"

namespace snellen {

struct LateStates {
  BallMatrix limit;                // r [width, 1]
  std::vector<ModeVectors> known;  // [k]
  LateBound rest, step;
};

class LateResponse {
 public:
  struct Settings {
    std::size_t most_modes = 6000;   // of m and -m one each
    std::size_t mass_modes = 20'000; // of a head's mean weight
    std::size_t own_tokens = 1024;   // at the least all of the prefix: those whose keys have weights of their own
  };

  // states [layer][token][width] and errors [layer][token] (2-norms) of the tokens 1, ..., M - 1 as they enter each layer (the tokens beyond are not read). The model: layers that see everything with
  // the same rotary positions, without soft-caps, head norms and branch norms; activations with a Lipschitz derivative.
  LateResponse(const Model& model, Token unit, std::size_t prefix, std::int64_t first, std::vector<std::span<const double>> states, std::vector<std::span<const double>> errors, const Settings& settings,
               long bits);
  ~LateResponse();

  const Decays& decays() const { return decays_; }
  const BallWorld& balls() const { return balls_; }
  const RotaryModes& modes() const { return *modes_; }
  std::int64_t first() const { return first_; }

  // What enters the first layer, and what layer l makes of what enters it.
  LateStates embedded() const;
  LateStates layer(std::size_t l, const LateStates& x) const;

  KnownSizes sizes(const LateStates& x) const;
  // |x_j - r|_2, and the step.
  LateBound deviation(const LateStates& x) const;
  LateBound motion(const LateStates& x) const;

  // The vector y = N(x) of the final norm, or x itself: bounds of its steps in a metric's norm, and of each coordinate's distance from the limit, at all j >= n.
  struct Vector {
    BallMatrix limit;
    std::array<LateBound, 3> steps;   // l1, l2, linf
    std::vector<LateBound> entries;   // [width]
  };
  Vector vector(const LateStates& x, bool normed) const;

 private:
  struct Head;
  struct Moves;
  struct Remainder;
  std::vector<Head> heads(std::size_t l, const SmoothResponse& norm) const;
  // Of a head with these known outputs.
  Remainder remainder(const Head& head, const PairSums::Sums& sums, const std::vector<ModeVectors>& output, const LateStates& x, const Moves& moves) const;
  // |y_j| + |y_(j-1)| is at most this times |y|'s bound at j, of either order.
  Magnitude twofold_back() const;

  const Model& model_;
  std::int64_t first_;
  std::vector<std::span<const double>> states_, errors_;
  Settings settings_;
  BallWorld balls_;
  Decays decays_;
  std::unique_ptr<RotaryFrequencies> frequencies_;
  std::unique_ptr<RotaryModes> modes_;
  std::unique_ptr<TurningPairs> pairs_;
  std::vector<BallMatrix> limits_;    // [layer]: r, and what leaves the last
  RunSums sums_;                      // of the normed vectors' deviations of all layers, side by side, tokens own + 1, ..., M - 1
  std::vector<std::vector<double>> apart_, apart_errors_;  // [layer][token][width]: of the normed vectors from their limit; [layer][token]
};

}  // namespace snellen
