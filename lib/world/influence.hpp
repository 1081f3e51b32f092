// How far a token's vector can reach: for every column c of a block and every token i an upper bound of the 2-norm of d block_c / d x_i(0), layer after layer, from
// norms of the blocks of each branch's derivative. Mathematics: proofs/sensitivity.md, "Influence".
//
// Two bounds are carried side by side. `moving` has all of the derivative: what attention's weights do when queries and keys move is in it, so that it needs no assumption.
// `frozen` leaves that out: the generalisation of the paper's Theorem 5.1 to a model with heads, projections and norms, under its assumption that attention's weights are
// constants. It is no bound of the true derivative.
#pragma once

#include <memory>
#include <vector>

#include "lib/world/euclidean.hpp"

namespace snellen {

// [columns][tokens], row-major: at least |d block_c / d x_i(0)|_2.
struct Reach {
  std::size_t tokens = 0;
  std::vector<Magnitude> moving, frozen;

  static Reach identity(std::size_t tokens);
  static Reach unknown(std::size_t columns, std::size_t tokens);
  std::size_t columns() const { return tokens == 0 ? 0 : moving.size() / tokens; }
};
// What comes after `first` reaches through it: the product of both as matrices.
Reach after(const Reach& second, const Reach& first);

class InfluenceWorld {
 public:
  static constexpr bool certified = true;

  // The normalised stream that a branch is made of.
  struct Source {
    Reach reach;
    std::vector<double> slopes;  // how much each column stretches, to within a factor that all share: says what is worth a sharp bound
  };
  struct Block {
    EuclideanWorld::Block stream;          // the values
    Reach reach;                           // infinite within a branch: only what comes out of one is bounded
    std::shared_ptr<const Source> source;
  };
  using Memory = EuclideanWorld::Memory;

  // Midpoints are rounded to at most `bits` bits.
  explicit InfluenceWorld(long bits) : world_(bits) {}

  long bits() const { return world_.bits(); }

  // x as the point that derivatives are taken to: column c reaches itself by 1 and no other.
  Block input(Block x) const;

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const { return {world_.add_rows(x.stream, table, columns), x.reach, nullptr}; }
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const { return {world_.add_sinusoids(x.stream, columns), x.reach, nullptr}; }
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const { return inside(world_.multiply(x.stream, y.stream), x); }
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const { return inside(world_.activate(activation, x.stream), x); }
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
    return inside(world_.rotate(x.stream, rotary, heads, columns), x);
  }
  // The memory has to be empty: all tokens come in one block.
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return world_.width(x.stream); }
  std::size_t tokens(const Block& x) const { return world_.tokens(x.stream); }

  BallMatrix hull(const Block& x) const { return world_.hull(x.stream); }
  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return world_.enclosures(x.stream, column); }

 private:
  // Of a branch that began at x's source.
  Block inside(EuclideanWorld::Block y, const Block& x) const { return {std::move(y), Reach::unknown(world_.tokens(x.stream), x.reach.tokens), x.source}; }

  EuclideanWorld world_;
};

static_assert(CertifiedWorld<InfluenceWorld>);

}  // namespace snellen
