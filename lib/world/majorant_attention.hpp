// Attention of the abstract tokens of a run (lib/world/majorant.hpp): how far a head's output is from its limit. Mathematics: proofs/majorant.md, "Attention".
#pragma once

#include <memory>
#include <vector>

#include "lib/number/decay.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/turning_head.hpp"

namespace snellen {

// Columns of abstract tokens. For each the exact limit r, an interval that contains x_j for every j >= M, and bounds of x_j - r (j >= M) and of
// x_j - x_(j-1) (j > M). Since one cause moves many entries, the deviation is also known as a linear map of few factors e(j), the same for all blocks of a
// pass, and a rest:
//     x_j - r = linear e(j) + rest(j)     at every j >= M, each column with factors of its own.
struct MajorantBlock {
  BallMatrix balls;             // [width, 2 columns]: enclosures of the limits, then of the ranges
  std::vector<Motion> motions;  // [column * width + entry]
  BallMatrix linear;            // [width, columns * factor_count]
  std::vector<Motion> factors;  // [column * factor_count + factor]
  std::vector<Motion> rest;     // [column * width + entry]

  MajorantBlock() = default;
  // Nothing is known but limits and ranges; the motions are to be filled in; no factors.
  MajorantBlock(BallMatrix limits_and_ranges)
      : balls(std::move(limits_and_ranges)), motions(width() * columns()), linear(width(), 0), rest(width() * columns()) {}

  std::size_t width() const { return balls.rows(); }
  std::size_t columns() const { return balls.columns() / 2; }
  std::size_t factor_count() const { return columns() == 0 ? 0 : factors.size() / columns(); }
  arb_srcptr limit(std::size_t i, std::size_t c) const { return balls(i, c); }
  arb_srcptr range(std::size_t i, std::size_t c) const { return balls(i, columns() + c); }
  const Motion& motion(std::size_t i, std::size_t c) const { return motions[c * width() + i]; }
  Motion& motion(std::size_t i, std::size_t c) { return motions[c * width() + i]; }
  const Decay& deviation(std::size_t i, std::size_t c) const { return motion(i, c).deviation; }
  Decay& deviation(std::size_t i, std::size_t c) { return motion(i, c).deviation; }
  const StepDecay& step(std::size_t i, std::size_t c) const { return motion(i, c).step; }
  StepDecay& step(std::size_t i, std::size_t c) { return motion(i, c).step; }
  Motion& rest_of(std::size_t i, std::size_t c) { return rest[c * width() + i]; }
  const Motion& rest_of(std::size_t i, std::size_t c) const { return rest[c * width() + i]; }
};

// The sequence P . U^n . Q: |P|, |U|, |Q|, and how many copies of U are explicit tokens.
struct RunShape {
  std::size_t prefix = 0, unit = 1, suffix = 0, copies = 0;
};

// The copies j of the unit with first <= j < first + count: keys and values of its |U| positions, unrotated, and the sums of their deviations over those copies.
struct RunPart {
  Length first, count;            // count 0: to infinity
  MajorantBlock keys, values;     // |U| columns
  std::vector<Magnitude> key_sums, value_sums;
  Magnitude spread;               // at least the largest change of a score that the ranges of its keys allow
};

// One layer's past.
struct MajorantMemory {
  BallWorld::Memory tokens;       // of the explicit tokens P . U^copies; keys rotated by their positions
  std::vector<RunPart> parts;     // from copy `copies` + 1 on, without gaps
  BallVector key_total;           // the sum of the explicit keys
  BallVector value_hull;          // contains every explicit value
  std::vector<std::unique_ptr<const TurningHead>> turning;  // [head * columns + column], where the attention `turns`: the same for all worlds
};

// One head's output at one abstract token: limit and motion, [head_size]. The deviation is sum_d directions[d] e_d + rest, e_d within factors[d].
struct HeadMajorant {
  BallVector limit;
  std::vector<BallVector> directions;
  std::vector<Motion> factors, rest;
};

// How much one head gives each token, for every length: at least t times its weight in the softmax of the token of copy j, t = |P| + j tokens so far, for every j >= M.
struct HeadShares {
  std::vector<Magnitude> explicit_tokens;  // of each
  Magnitude copies;                        // of any later token, the token itself included
};

// Attention of one layer, its keys and values already in the memory (the last part is the tail). k and v are the whole blocks: after the unit's columns come those of
// the suffix.
class MajorantAttention {
 public:
  MajorantAttention(const Attention& attention, const RunShape& shape, const Decays& decays, const MajorantBlock& q, const MajorantBlock& k, const MajorantBlock& v,
                    const MajorantMemory& memory, long bits);

  HeadMajorant output(std::size_t head, std::size_t column) const;
  // A layer that sees everything, a unit of one token, no suffix.
  HeadShares shares(std::size_t head) const;
  Magnitude spread(std::size_t head, std::size_t column) const;
  // Of every head's output.
  std::size_t direction_count() const { return 1 + own_directions_ + (turns() ? 2 * TurningHead::pairs : 0); }
  // Queries turn against the run: its weights are known by their modes (memory.turning).
  bool turns() const { return half_ > 0 && !a_.window && !a_.softcap && shape_.unit == 1; }
  std::unique_ptr<const TurningHead> turning_head(std::shared_ptr<const RotaryFrequencies> frequencies, std::size_t head, std::size_t column) const;

 private:
  struct Query;
  struct Weight;
  struct Mass;
  Query query_of(std::size_t head, std::size_t column) const;
  HeadMajorant global(const Query& query) const;
  HeadMajorant local(const Query& query) const;
  void set_global_steps(const Query& query, const std::vector<Magnitude>& explicit_weights, const Magnitude& inverse, HeadMajorant& result) const;
  void set_global_limit(const Query& query, BallVector& limit) const;
  Weight weight_of(const BallVector& q, const Query& query, const BallVector& key, long bits) const;
  Magnitude score_change(const Query& query, const BallVector& key, const BallVector& limit, const BallVector& origin) const;
  void add_run_mass(const TurningHead& turning, const std::vector<Magnitude>& changes, Mass& by_modes) const;
  Magnitude inverse_mass(const Query& query, Ball fixed, arb_srcptr tail, const Mass& by_modes) const;
  BallVector column_of(const BallMatrix& m, std::size_t row, std::size_t column) const;

  const Attention& a_;
  const RunShape& shape_;
  const Decays& decays_;
  const MajorantBlock &q_, &k_, &v_;
  const MajorantMemory& memory_;
  long bits_;
  std::size_t rotated_, half_;  // entries of a head that rotate, and half of them
  std::size_t own_directions_;  // tokens of the prefix that have one of their own, since their weights are known badly
};

}  // namespace snellen
