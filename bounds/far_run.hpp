// Single far vectors y(S_n), S_n = P . a^n, of a model of two layers with rotary positions, without an evaluation of all pairs of tokens. Mathematics: proofs/rope.md, "Two layers, far
// out".
//
// The states that the first layer leaves for the run's tokens have a closed form (rotary_world.hpp), O(1) a token; the second layer's keys and values follow from them token by token, and only
// the tokens that are asked for attend to them: O(n) each.
#pragma once

#include <cstdint>
#include <vector>

#include "bounds/rotary_lengths.hpp"

namespace snellen {

class FarRun {
 public:
  // Knows the first `tokens` >= 1 tokens of the run. The model and family must not be refused by far_pairs_refuse (bounds/inevitable_by_far_pairs.hpp).
  FarRun(const Model& model, const Family& family, Place place, bool next_tokens, std::int64_t tokens, long bits, Progress& progress);

  std::int64_t tokens() const { return tokens_; }
  const BallWorld& balls() const { return balls_; }

  // y(S_n) (or x(L)) at each of the lengths, ascending, 1 <= n <= tokens().
  RotaryLengths::Vectors at(const std::vector<std::int64_t>& lengths);
  // The same of any lengths, beyond tokens() too, given the outputs of the second layer's heads, [heads * head_size, lengths].
  RotaryLengths::Vectors given(const std::vector<std::int64_t>& lengths, BallMatrix outputs);

  // The attention of the first layer; and what the second one remembers: P first, then the run.
  const RotaryWorld::Memory& below() const { return below_; }
  const BallMemory& memory() const { return memory_; }

 private:
  BallMatrix first_layer(const std::vector<std::int64_t>& lengths);
  RotaryLengths::Vectors vectors_of(const BallMatrix& x) const;

  const Model& model_;
  Place place_;
  bool next_tokens_;
  Token last_;
  std::int64_t before_, tokens_;  // of the prefix, and of the run
  RotaryWorld world_;
  BallWorld balls_;
  RotaryWorld::Memory below_;
  BallMemory memory_;             // of the second layer: the prefix, the run, and the tokens that were asked for, each seen by itself alone
};

}  // namespace snellen
