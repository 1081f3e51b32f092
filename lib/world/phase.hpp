// The world of a run under sinusoidal positions whose own positions are unknown: a block holds the prefix (exact columns), then each token that the run is made of at
// ANY position, then tokens of which the position is known up to `closeness` in each entry of its vector. Mathematics: proofs/periodic.md, "Phases".
//
// Attention of the last two kinds is the convex hull of the values that can occur: of the prefix, of the run's tokens at any position, and of a column's own branch. No
// score is read, so that masks, windows and soft-caps do not matter. Boxes are wide; norms and activations bound their ranges as such.
#pragma once

#include "lib/number/magnitude.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

struct PhaseBlock {
  BallMatrix x;         // [width, columns]
  BallMatrix squares;   // where known better than by x: the sum of the squares of each column, [1, columns]; else [0, 0]
};

class PhaseWorld {
 public:
  static constexpr bool certified = true;
  using Block = PhaseBlock;
  using Memory = BallWorld::Memory;  // of the prefix

  static constexpr std::int64_t any_position = -1;

  // Columns: `prefix` exact ones, `run` with any position, then branches (Column::branch: where a column's own branch begins).
  PhaseWorld(long bits, std::size_t prefix, std::size_t run, Magnitude closeness);

  const BallWorld& balls() const { return balls_; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return {balls_.embed(table, columns), {}}; }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;  // std::logic_error: tables end
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const { return {balls_.scale(x.x, factor), {}}; }
  Block add(const Block& x, const Block& y) const { return {balls_.add(x.x, y.x), {}}; }
  Block multiply(const Block& x, const Block& y) const { return {balls_.multiply(x.x, y.x), {}}; }
  Block linear(const Linear& map, const Block& x) const { return {balls_.linear(map, x.x), {}}; }
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;  // std::logic_error
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const { return {balls_.select(x.x, columns), {}}; }
  std::size_t width(const Block& x) const { return x.x.rows(); }
  std::size_t tokens(const Block& x) const { return x.x.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return balls_.enclosures(x.x, column); }

 private:
  BallWorld balls_;
  std::size_t prefix_, run_;
  Magnitude closeness_;
};

static_assert(CertifiedWorld<PhaseWorld>);

}  // namespace snellen
