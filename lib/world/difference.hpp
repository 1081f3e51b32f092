// Vectors of tokens, and how far each is from its counterpart in another sequence: pairs (x, d), d = y - x, both as balls. The difference is carried through every
// operation by an identity in which nothing of the size of x cancels, so that it is known to as many bits as the precision allows, however small it is;
// the difference of two balls would be lost in their radii. Proofs: proofs/differences.md.
//
// Every column's x is enclosed as the ball world does it, and so is the counterpart's, which is a column of the same block: where y is asked for, it is there. An entry
// of d that the difference of the two balls encloses more tightly is replaced by that.
#pragma once

#include <memory>
#include <vector>

#include "lib/world/ball.hpp"
#include "lib/world/difference_attention.hpp"

namespace snellen {

class DifferenceWorld {
 public:
  static constexpr bool certified = true;

  struct Block {
    BallMatrix x;  // [width, tokens]
    BallMatrix d;  // [width, pairs]: column second[i] minus column first[i]; in the frame of first[i] where the block was rotated
    std::shared_ptr<const ColumnPairs> pairs;
  };
  using Memory = BallMemory;

  // Of the one block that is embedded: counterparts[c] is the column that c is compared with, c itself where both sequences share it, or no_column. Any two columns may be
  // compared; no column is the counterpart of two. Midpoints are rounded to `bits` bits.
  DifferenceWorld(long bits, std::vector<std::size_t> counterparts);

  long bits() const { return world_.bits(); }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  // The whole block at once: memory is empty.
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  // Pairs of which both columns are chosen, once each, stay.
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.x.rows(); }
  std::size_t tokens(const Block& x) const { return x.x.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return world_.enclosures(x.x, column); }
  // What encloses the columns of d.
  const BallWorld& balls() const { return world_; }

 private:
  // d, or the difference of the two balls where that is tighter, entry by entry.
  Block sharpened(BallMatrix x, BallMatrix d, std::shared_ptr<const ColumnPairs> pairs) const;

  BallWorld world_;
  std::vector<std::size_t> counterparts_;
  std::shared_ptr<const ColumnPairs> pairs_;
};

static_assert(CertifiedWorld<DifferenceWorld>);

}  // namespace snellen
