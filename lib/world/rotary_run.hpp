// One layer's attention of the last token of P . a^n . Q under rotary positions, in closed form in n. Mathematics: proofs/rope.md, "One layer".
//
// All tokens of the run have the same key and value v_a before rotation, so that a head's output is v_a + sum over the single tokens s (those of P and Q) of
// alpha_s(n) (v_s - v_a) with the shares alpha_s(n) = w_s(n) / (Z_n + sum of w_t(n)), Z_n the mass of the run.
#pragma once

#include <memory>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/world/rotary_mass.hpp"

namespace snellen {

struct RotaryShape {
  std::size_t prefix = 0, suffix = 0;
  std::size_t singles() const { return prefix + suffix; }
  std::size_t columns() const { return singles() + 1; }  // P, then a, then Q
  // The column of single number s.
  std::size_t column(std::size_t s) const { return s < prefix ? s : s + 1; }
};

class RotaryRun {
 public:
  // Unrotated queries, keys and values of the columns of `shape` [heads * head_size or kv_heads * head_size, columns]. No window, soft-cap or ALiBi.
  RotaryRun(const Attention& attention, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, const RotaryShape& shape, long bits, const MassSettings& settings);

  const RotaryFrequencies& frequencies() const { return frequencies_; }
  std::size_t heads() const { return heads_.size(); }
  std::size_t singles() const { return shape_.singles(); }
  const RotaryShape& shape() const { return shape_; }

  // The score of a single token as a function of n: constant + Re(planes[f] e^(i theta_f n)); no planes where it does not move (of Q).
  const RotaryScore& score(std::size_t head, std::size_t single) const { return heads_[head].scores[single]; }
  const RotaryMass& mass(std::size_t head) const { return heads_[head].mass; }
  RotaryMass& mass(std::size_t head) { return heads_[head].mass; }
  // At least w_s(n) for every n.
  const Magnitude& largest_weight(std::size_t head, std::size_t single) const { return heads_[head].largest[single]; }

  // shares[h * singles + s] at each of the lengths, ascending; consecutive lengths are cheap. `modes` as in RotaryMass::sum. [heads * singles, lengths].
  BallMatrix shares(const std::vector<std::int64_t>& lengths, std::size_t modes) const;
  // Contains n / (Z_n + sum of w_t(n)) for every n >= from; infinite where the mass is not known to be positive.
  Ball inverse_density(std::size_t head, const Length& from) const;

  // The heads' outputs for the shares in each column. [heads * head_size, columns].
  BallMatrix mix(const BallMatrix& shares) const;
  // Their derivatives by the shares: column h * singles + s. [heads * head_size, heads * singles].
  BallMatrix directions() const;
  // In column c the hull of all values: what any causal attention reads there. [heads * head_size, columns].
  BallMatrix hull() const;

 private:
  struct Head {
    std::vector<RotaryScore> scores;
    std::vector<Magnitude> largest;
    RotaryMass mass;
    std::size_t value_row;  // of its values
  };
  RotaryScore score_of(const BallMatrix& q, const BallMatrix& k, std::size_t head, std::size_t column) const;

  Attention attention_;
  RotaryShape shape_;
  RotaryFrequencies frequencies_;
  long bits_;
  BallMatrix values_;  // [kv_heads * head_size, columns]
  std::vector<Head> heads_;
};

}  // namespace snellen
