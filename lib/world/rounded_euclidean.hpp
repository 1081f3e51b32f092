// Runs of very many tokens: the Euclidean world (euclidean.hpp) whose attention is that of doubles (rounded_memory.hpp). Good to some 8 digits after four layers, at a hundredth of the time.
//
// Beside its value each token of the memory has two more numbers a key-value head, mixed by the same weights: mu_j, how far its value moves with the streams, and t_j >= |v_j - v*|_2, v* any fixed vector. With
// |s' - s| <= eta for every score, the weights alpha' of other streams within the balls are alpha_j e^(+-2 eta), and since both sum to 1
//   |o' - o|_2 <= sum alpha'_j |v'_j - v_j| + |sum (alpha'_j - alpha_j)(v_j - v*)| <= e^(2 eta) sum alpha_j mu_j + (e^(2 eta) - 1) sum alpha_j t_j,
//   eta = scale (|q| max kappa_j + |q' - q| max(|k_j| + kappa_j)),       kappa_j how far key j moves.
// The sums are small where most values are alike: what a run tends to.
#pragma once

#include "lib/world/euclidean.hpp"
#include "lib/world/rounded_memory.hpp"

namespace snellen {

class RoundedEuclideanWorld : public EuclideanWorld {
 public:
  struct Memory {
    RoundedMemory tokens;
    BallMatrix reference;                           // v*: [kv_heads * head_size, 1]
    std::vector<Magnitude> key_norms, key_moves;    // [kv_heads]: largest over the tokens
  };
  using EuclideanWorld::EuclideanWorld;

  // Sequences of one branch whose columns come in order, each after all before it. No window, no soft-cap, no ALiBi: std::logic_error.
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block linear(const Linear& map, const Block& x) const;
};

static_assert(CertifiedWorld<RoundedEuclideanWorld>);

}  // namespace snellen
