// The world of every token of a run P . a^n at once, by norms alone: one evaluation of one token, whatever the size of the model. Mathematics: proofs/majorant.md, "By norms".
//
// A block is the vector of one abstract token, which stands for the run's token j, for every j >= 1: its limit, which is what [a] alone gives, and a bound of how far token j is from it. The bounds are as
// crude as they are cheap, and they are finite: no score exceeds |q||k|, so that no token of T has a share above e^(2 |q||k|) / T.
#pragma once

#include <memory>
#include <vector>

#include "lib/number/decay.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/world.hpp"

namespace snellen {

// D y + bias, |y|_2 <= size for every token of the sequence and |y_j - its limit|_2 <= deviation for the run's: what a map is applied to.
struct NormedSource {
  std::vector<double> weights;  // |D|, diagonal; empty: ones
  Magnitude bias, size;         // at least |bias|_2
  Decay deviation;
};

struct RunNormsBlock {
  BallMatrix limit;      // [width, 1]
  Decay deviation;       // at least |x_j - limit|_2 at every j >= 1 (M = 1)
  Magnitude largest;     // at least |x|_2 for every token of the sequence, those of P too
  NormedSource source;   // the block itself, read as D y + bias
  // Of W (D y + bias) + offset: what heads' bounds are made from.
  struct Map {
    TensorPtr weight, offset;
    NormedSource source;
  };
  std::shared_ptr<const Map> map;
  std::vector<Magnitude> parts;  // after a norm of each of `parts` groups: at least their 2-norms
};

class RunNorms {
 public:
  static constexpr bool certified = true;
  using Block = RunNormsBlock;
  // At least |score| in this layer, of any query and key.
  struct Memory {
    Magnitude score;
  };

  // |P| tokens before the run. The columns of a block passed to the decoder are a, then those of P.
  RunNorms(long bits, std::size_t prefix) : balls_(bits), prefix_(prefix), decays_(1) {}

  const BallWorld& balls() const { return balls_; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;  // throws: no limit
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;                     // throws: no limit
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary&, std::size_t, std::span<const Column>) const { return x; }  // keeps norms
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t>) const { return x; }
  std::size_t width(const Block& x) const { return x.limit.rows(); }
  std::size_t tokens(const Block&) const { return 1; }

  // At every j >= 1.
  std::vector<Enclosure> enclosures(const Block& x, std::size_t) const { return balls_.enclosures(from(x, 1), 0); }
  // A ball column that contains the vector of token j for every j >= n.
  BallMatrix from(const Block& x, const Length& n) const;
  // At least j times how far token j is from its limit, but for its logarithms: the sum of the coefficients.
  Magnitude coefficient(const Block& x) const;

 private:
  Block plain(BallMatrix limit, Decay deviation, Magnitude largest) const;
  struct Slice {
    Magnitude size;    // of every token
    Decay deviation;   // of the run's
  };
  std::vector<Slice> slices(const Block& x, std::size_t count) const;

  BallWorld balls_;
  std::size_t prefix_;
  Decays decays_;
};

static_assert(CertifiedWorld<RunNorms>);

}  // namespace snellen
