// The second layer of a model of two under rotary positions, whose attention is known from elsewhere. Mathematics: proofs/rope.md, "Two layers, for every n".
#pragma once

#include <memory>

#include "lib/world/rotary_world.hpp"

namespace snellen {

// Tokens whose attention is given: what stands in the layer's "memory", [heads * head_size, tokens], is what its heads put out.
class GivenOutputsWorld : public BallWorld {
 public:
  using Memory = BallMatrix;
  using BallWorld::BallWorld;
  Block rotate(const Block& x, const Rotary&, std::size_t, std::span<const Column>) const { return x; }
  Block attend(const Attention&, const Block&, const Block&, const Block&, std::span<const Column>, Memory& memory) const { return memory; }
};

static_assert(CertifiedWorld<GivenOutputsWorld>);

// One column as a function of the first layer's shares and of the second layer's outputs, over a box of both: values and derivatives by each share, then by each output. The first
// layer's memory holds the run that its attention is of; the second's takes down the queries, keys and values that it meets, before rotation.
class SecondLayerWorld : public SharesWorld {
 public:
  struct Memory {
    std::shared_ptr<RotaryRun> run;
    SharesBlock query, key, value;
  };

  SecondLayerWorld(long bits, BallMatrix shares, BallMatrix outputs) : SharesWorld(bits, std::move(shares)), outputs_(std::move(outputs)) {}

  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;

 private:
  BallMatrix outputs_;
};

static_assert(CertifiedWorld<SecondLayerWorld>);

}  // namespace snellen
