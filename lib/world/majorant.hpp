// The world of every late token of a run: one evaluation that holds for all lengths n >= M. Mathematics: proofs/majorant.md.
//
// The sequence is P . U^n . Q. A block's columns are abstract tokens: column b < |U| is position b of copy j of the unit, for every j >= M; column |U| + i is token i of the
// suffix after n copies, for every n >= M. Each entry has an enclosure of its limit, a set that contains it at every j >= M, and bounds of how far it is at j
// from its limit and from what it is at j - 1 (lib/number/decay.hpp). The memory of a layer holds the explicit tokens (P and the first copies, evaluated in the
// ball world) and, in parts, the copies that earlier worlds of smaller M stood for: worlds are applied in order of M, and each is sharper than the one before.
#pragma once

#include <memory>
#include <vector>

#include "lib/world/majorant_attention.hpp"
#include "lib/world/world.hpp"

namespace snellen {

class MajorantWorld {
 public:
  static constexpr bool certified = true;
  using Block = MajorantBlock;
  using Memory = MajorantMemory;

  // M = first. Sums of the explicit tokens in the memories are made by `prepare`.
  MajorantWorld(Length first, const RunShape& shape, std::shared_ptr<const BallWorld> balls);

  // A layer's memory that begins with these explicit tokens, P . U^(M - 1) for the first world's M.
  static Memory prepare(BallWorld::Memory tokens, long bits);

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;  // throws: no limit
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;                     // throws: no limit
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  // Nothing: attention bounds scores whatever the positions, or turns by the distance.
  Block rotate(const Block& x, const Rotary&, std::size_t, std::span<const Column>) const { return x; }
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.width(); }
  std::size_t tokens(const Block& x) const { return x.columns(); }

  // At every j >= M.
  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const;
  // A ball column that contains column `column` at every j >= n, n >= M; and its limit.
  BallMatrix from(const Block& x, std::size_t column, const Length& n) const;
  BallMatrix limit(const Block& x, std::size_t column) const;
  // A ball column, around zero, that contains what column `column` is at j + 1 less what it is at j, for every j >= n, n >= M.
  BallMatrix steps(const Block& x, std::size_t column, const Length& n) const;

 private:
  // Of two bounds of a sequence the one with the smaller supremum.
  template <unsigned long order>
  void keep_lesser(DecayOf<order>& x, DecayOf<order> other) const;
  // What the linear parts say of the motions, where that is less; then the ranges are cut down to what the limits and the deviations leave.
  void tighten(Block& x) const;
  // Factors that hardly count join the rests.
  void fold_small_factors(Block& x) const;
  // x - r = rest becomes x - r = e, one factor an entry.
  void rebase(Block& x) const;

  RunShape shape_;
  std::shared_ptr<const BallWorld> balls_;
  std::shared_ptr<const BallWorld> coarse_;  // for linear parts
  Decays decays_;
};

static_assert(CertifiedWorld<MajorantWorld>);

}  // namespace snellen
