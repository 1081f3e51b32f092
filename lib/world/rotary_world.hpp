// The world of the last token of P . a^n . Q in a model of one layer with rotary positions, for any lengths n: the ball world with the closed form of attention
// (rotary_run.hpp). And the same with the derivative by the heads' shares, over a box of shares.
//
// The first block that meets a layer's memory holds the columns P, a, Q, by which the run is known; their own attention is the hull of all values. Columns of later blocks stand for the
// last token at the length n = Column::position.
#pragma once

#include <limits>
#include <optional>

#include "lib/world/ball.hpp"
#include "lib/world/rotary_run.hpp"

namespace snellen {

class RotaryWorld {
 public:
  static constexpr bool certified = true;
  using Block = BallMatrix;
  using Memory = std::shared_ptr<RotaryRun>;

  RotaryWorld(long bits, const RotaryShape& shape, const MassSettings& settings) : balls_(bits), shape_(shape), settings_(settings) {}

  const BallWorld& balls() const { return balls_; }
  // How many modes of the masses later blocks follow; at first all that are kept.
  void follow(std::size_t modes) { modes_ = modes; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return balls_.embed(table, columns); }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;  // std::logic_error: a run has no absolute positions
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;                     // the same
  Block scale(const Block& x, const Root& factor) const { return balls_.scale(x, factor); }
  Block add(const Block& x, const Block& y) const { return balls_.add(x, y); }
  Block multiply(const Block& x, const Block& y) const { return balls_.multiply(x, y); }
  Block linear(const Linear& map, const Block& x) const { return balls_.linear(map, x); }
  Block norm(const Norm& n, const Block& x, std::size_t groups) const { return balls_.norm(n, x, groups); }
  Block activate(Activation activation, const Block& x) const { return balls_.activate(activation, x); }
  // Turns belong to attention here.
  Block rotate(const Block& x, const Rotary&, std::size_t, std::span<const Column>) const { return x; }
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const { return balls_.select(x, columns); }
  std::size_t width(const Block& x) const { return x.rows(); }
  std::size_t tokens(const Block& x) const { return x.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return balls_.enclosures(x, column); }

 private:
  BallWorld balls_;
  RotaryShape shape_;
  MassSettings settings_;
  std::size_t modes_ = std::numeric_limits<std::size_t>::max();
};

static_assert(CertifiedWorld<RotaryWorld>);

// One column, whose shares are in a box: `x` contains the values and `slopes` the derivatives by each share at every point of the box (0 columns: zero).
struct SharesBlock {
  BallMatrix x, slopes;  // [width, 1], [width, shares]
};

class SharesWorld {
 public:
  static constexpr bool certified = true;
  using Block = SharesBlock;
  using Memory = std::shared_ptr<RotaryRun>;  // made in RotaryWorld

  SharesWorld(long bits, BallMatrix shares) : balls_(bits), shares_(std::move(shares)) {}

  const BallMatrix& shares() const { return shares_; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return {balls_.embed(table, columns), {}}; }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary&, std::size_t, std::span<const Column>) const { return x; }
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const { return {balls_.select(x.x, columns), x.slopes}; }
  std::size_t width(const Block& x) const { return x.x.rows(); }
  std::size_t tokens(const Block& x) const { return x.x.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return balls_.enclosures(x.x, column); }

 private:
  BallWorld balls_;
  BallMatrix shares_;
};

static_assert(CertifiedWorld<SharesWorld>);

}  // namespace snellen
