// The ball world, recording: every operation gives what BallWorld gives, and leaves on a tape how its result's derivatives become those of its arguments. Reverse-mode
// differentiation of the one decoder, in balls: an enclosure of the exact vector-Jacobian product at every point of the argument's balls. Mathematics:
// proofs/sensitivity.md, "Reverse mode".
//
// A block is differentiated to where it entered the tape: what embed() made, or what input() was given. The memory has to be empty before an attention step: all
// tokens come in one block.
#pragma once

#include <memory>

#include "lib/world/ball.hpp"
#include "lib/world/tape.hpp"

namespace snellen {

class ReverseWorld {
 public:
  static constexpr bool certified = true;

  struct Block {
    std::shared_ptr<const BallMatrix> value;  // [width, tokens]
    std::size_t node = 0;
  };
  using Memory = BallMemory;

  // Midpoints are rounded to `bits` bits, of values and of derivatives. The tape may be walked back while the world lives.
  ReverseWorld(long bits, Tape& tape) : balls_(bits), tape_(tape) {}

  long bits() const { return balls_.bits(); }

  // A block that derivatives are taken to.
  Block input(BallMatrix x) const { return {std::make_shared<const BallMatrix>(std::move(x)), tape_.leaf()}; }
  // d <dy, y> / d x for a block x that y was made from.
  Cotangents pull(const Block& y, Cotangents dy, const Block& x) const { return tape_.pull(y.node, std::move(dy), x.node, bits()); }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return input(balls_.embed(table, columns)); }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const { return moved(x, balls_.add_rows(*x.value, table, columns)); }
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const { return moved(x, balls_.add_sinusoids(*x.value, columns)); }
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.value->rows(); }
  std::size_t tokens(const Block& x) const { return x.value->columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return balls_.enclosures(*x.value, column); }

 private:
  Block record(BallMatrix value, std::vector<std::size_t> inputs, Tape::Pull pull) const {
    return {std::make_shared<const BallMatrix>(std::move(value)), tape_.record(std::move(inputs), std::move(pull))};
  }
  // x and a constant.
  Block moved(const Block& x, BallMatrix value) const {
    return record(std::move(value), {x.node}, [](const Cotangents& dy) { return std::vector<Cotangents>{dy}; });
  }

  BallWorld balls_;
  Tape& tape_;
};

static_assert(CertifiedWorld<ReverseWorld>);

}  // namespace snellen
