// Single far vectors y(S_n), S_n = P . a^n, of a model of two layers with rotary positions, without an evaluation of all pairs of tokens. Mathematics: proofs/rope.md, "Two layers, far
// out".
//
// The states that the first layer leaves for the run's tokens have a closed form (rotary_world.hpp), O(1) a token; the second layer's keys and values follow from them token by token, and only
// the tokens that are asked for attend to them: O(n) each.
#pragma once

#include <cstdint>
#include <vector>

#include "bounds/rotary_lengths.hpp"
#include "lib/world/rounded_memory.hpp"

namespace snellen {

class FarRun {
 public:
  // Knows the first `tokens` >= 1 tokens of the run: their keys and values as doubles (near), or also as balls (at), which take some fifteen times the memory. The model and family must not be
  // refused by far_pairs_refuse (bounds/inevitable_by_far_pairs.hpp).
  enum class Keep { doubles, balls };
  FarRun(const Model& model, const Family& family, Place place, bool next_tokens, std::int64_t tokens, long bits, Keep keep, Progress& progress);

  std::int64_t tokens() const { return tokens_; }
  const BallWorld& balls() const { return balls_; }

  // y(S_n) (or x(L)) at each of the lengths, ascending, 1 <= n <= tokens().
  RotaryLengths::Vectors at(const std::vector<std::int64_t>& lengths);
  // The same to some ten digits, and some hundred times faster (lib/world/rounded_memory.hpp).
  RotaryLengths::Vectors near(const std::vector<std::int64_t>& lengths);
  // The same of any lengths, beyond tokens() too, given the outputs of the second layer's heads, [heads * head_size, lengths]. The last columns of the frame's derivatives are by the outputs, over
  // a box that contains these: a vector is that of the outputs' middles, within the derivatives times the outputs' radii (mean value theorem), which is far sharper than balls through the layer.
  RotaryLengths::Vectors given(const std::vector<std::int64_t>& lengths, BallMatrix outputs, const RotaryLengths::Frame& frame);

  // The attention of the first layer; and what the second one remembers: P first, then the run.
  const RotaryWorld::Memory& below() const { return below_; }
  const RoundedMemory& memory() const { return rounded_; }

 private:
  BallMatrix first_layer(const std::vector<std::int64_t>& lengths);
  RotaryLengths::Vectors vectors_of(const BallMatrix& x, const BallMatrix& y) const;
  BallMatrix final(const BallMatrix& x) const { return Decoder<BallWorld>(model_, balls_).final(x); }

  const Model& model_;
  Place place_;
  bool next_tokens_;
  Token last_;
  std::int64_t before_, tokens_;  // of the prefix, and of the run
  RotaryWorld world_;
  BallWorld balls_;
  RotaryWorld::Memory below_;
  Keep keep_;
  RoundedMemory rounded_;         // of the second layer: the prefix, the run
  BallMemory memory_;             // of the second layer: the prefix, the run, and the tokens that were asked for, each seen by itself alone
};

}  // namespace snellen
