// The certified workhorse: midpoint-radius arithmetic of FLINT/Arb. Every entry of every block is a ball that contains the
// exact real result; a ball that lost everything is infinite, never wrong. Its operations use all threads inside; one world is for one caller
// at a time (the tables of rotations grow as positions come).
#pragma once

#include <memory>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/flint_caches.hpp"
#include "lib/world/ball_memory.hpp"
#include "lib/world/world.hpp"

namespace snellen {

class BallWorld {
 public:
  static constexpr bool certified = true;
  using Block = BallMatrix;  // [width, tokens]

  using Memory = BallMemory;

  // Midpoints are rounded to `bits` bits.
  explicit BallWorld(long bits);

  long bits() const { return bits_; }

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
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
               Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.rows(); }
  std::size_t tokens(const Block& x) const { return x.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const;

 private:
  class Rotations;

  long bits_;
  FlintCaches caches_;
  std::shared_ptr<Rotations> rotations_;  // cos and sin tables, shared by the layers; filled before parallel work reads them
};

static_assert(CertifiedWorld<BallWorld>);

}  // namespace snellen
