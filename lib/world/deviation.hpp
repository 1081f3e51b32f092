// The ball world of an engine and of everything between it and exact arithmetic: every block contains what an engine of the profile computes from the same input, what exact
// arithmetic does, and what the programs compute that follow the engine up to some operation and are exact from there on.
//
// Each operation is the real one on the balls, and then every entry is widened by what an engine may be off by there (local_error.hpp). Walked back from a direction c, the tape
// gives J^T c at every operation over all of these points, and the sum of |J^T c| times the local errors bounds |c . (engine - exact)|, with no remainder:
// proofs/validation.md, `directional`.
#pragma once

#include <span>
#include <vector>

#include "lib/world/local_error.hpp"
#include "lib/world/reverse.hpp"

namespace snellen {

class DeviationWorld {
 public:
  static constexpr bool certified = false;  // not of the exact result alone
  using Block = ReverseWorld::Block;
  using Memory = ReverseWorld::Memory;

  // The tape must outlive the world. std::invalid_argument unless LocalErrors::cover(profile).
  DeviationWorld(const EngineProfile& profile, long bits, Tape& tape);

  // The balls' centres are exact, the engine's entries anywhere within the radii.
  Block input(const BallMatrix& x) const;
  // x: what input() gave. For each direction of dy, a cotangent of y: at least the sum over all operations between x and y, x included, of |J^T dy| times the local errors. Infinite where nothing is known.
  std::vector<double> reach(const Block& y, Cotangents dy, const Block& x, std::size_t directions) const;

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
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const { return exact_.select(x, columns); }
  std::size_t width(const Block& x) const { return exact_.width(x); }
  std::size_t tokens(const Block& x) const { return exact_.tokens(x); }

 private:
  // y with its entries widened by `errors`, whose part in a direction's reach the tape adds up.
  Block widened(const Block& y, std::vector<double> errors) const;

  Tape& tape_;
  ReverseWorld exact_;
  LocalErrors errors_;
  mutable std::vector<double> reach_;  // of the walk that is under way
};

static_assert(World<DeviationWorld>);

}  // namespace snellen
