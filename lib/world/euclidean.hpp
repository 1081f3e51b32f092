// Balls whose errors grow slowly from layer to layer: the certified world for deep models. Mathematics: proofs/norms.md.
//
// The residual stream's vector of a token is known up to a Euclidean ball: an exact midpoint m and a radius rho in the 2-norm. A branch (attention, MLP) is
// evaluated twice: at the midpoints, in fixed point (fixed_functions.hpp) or by the ball world, so that its errors are nothing but this branch's own roundings; and as a bound on how far its result
// moves when the stream moves by rho, from the norm of the branch's derivative over the whole ball (attention_norm.hpp, mlp_norm.hpp). The sum
// of stream and branch is a new Euclidean ball. Entry by entry propagation loses |W|_1 at each map, this one |J|_2 at each branch.
//
// As rho grows, the branch's rounding errors matter less: the working precision of the ball world falls from branch to branch by itself.
#pragma once

#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "lib/number/fixed_columns.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/attention_norm.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/fixed_rotation.hpp"

namespace snellen {

class EuclideanWorld {
 public:
  static constexpr bool certified = true;

  // What a branch's block is of the normalised stream n [width], |dn_c|_2 <= moves[c], when the stream moves along a line within its balls.
  struct Source {
    std::vector<Magnitude> moves;  // [tokens]
    std::vector<double> weights;   // |weights| of the norm that made h = weights n + bias; empty: ones
  };
  struct Plain {};                                                           // only the radii are known
  struct Stream {};                                                          // the stream itself; its balls are exact
  struct Normed { std::shared_ptr<const Source> source; };                   // weights n + bias
  struct Mapped {                                                            // W h + bias
    std::shared_ptr<const Source> source;
    TensorPtr weight;
    std::shared_ptr<const std::vector<Magnitude>> rows;  // at least |row of W, columns times the source's weights|_2
  };
  struct Heads {                                                             // of Mapped, rotated, a norm over each head before that or not
    std::shared_ptr<const Source> source;
    TensorPtr weight;
    std::size_t heads;
    std::vector<double> gains;     // [tokens][heads]
    bool linear, rotated;
  };
  // Entries f(W h) or f(W h) (V h): dy_k = a_k (W dh)_k + b_k (V dh)_k, with a_k, b_k within da_k, db_k of these.
  struct Inner {
    std::shared_ptr<const Source> source;
    TensorPtr first, second;       // W; V or null
    Activation activation;
    std::vector<double> a, b, da, db;  // [tokens][width]; where there is no V, b is f(W h) itself
  };
  struct Mixed { std::shared_ptr<const AttentionBranch> branch; };           // the heads' outputs
  using Path = std::variant<Plain, Stream, Normed, Mapped, Heads, Inner, Mixed>;

  // The exact block is y(stream), |y(stream) - y(midpoints)|_2 <= radii[c] in column c, and y(midpoints) is in the balls or, where `fixed` is there, in the columns in fixed
  // point: branches, as far as their operations have such a form. A stream is balls.
  struct Block {
    BallMatrix balls;              // [width, tokens], or empty
    std::vector<Magnitude> radii;  // [tokens]
    Path path;
    long bits = 0;                 // the ball world's precision
    std::shared_ptr<const FixedColumns> fixed = nullptr;

    std::size_t rows() const { return fixed ? fixed->rows() : balls.rows(); }
    std::size_t columns() const { return fixed ? fixed->columns() : balls.columns(); }
  };
  struct Memory {
    BallWorld::Memory balls;       // at the midpoints
    std::shared_ptr<const AttentionPast> past;
    std::vector<Magnitude> key_norms, value_norms, key_moves, value_moves;  // [kv_heads]: largest over the tokens
  };

  // Midpoints are rounded to at most `bits` bits.
  explicit EuclideanWorld(long bits);

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
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.rows(); }
  std::size_t tokens(const Block& x) const { return x.columns(); }

  // The block as balls entry by entry: what other worlds and bounds can use.
  BallMatrix hull(const Block& x) const;
  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const;

 private:
  const BallWorld& world(long bits) const;
  // A new stream: the balls' radii join the Euclidean ones, and the precision is what these deserve.
  Block stream(BallMatrix balls, std::vector<Magnitude> radii, long bits) const;

  long bits_;
  std::shared_ptr<std::map<long, BallWorld>> worlds_;
  std::shared_ptr<FixedRotations> rotations_;  // filled by one caller at a time
};

static_assert(CertifiedWorld<EuclideanWorld>);

// The same block in balls: x itself, or what is made in `room`.
const EuclideanWorld::Block& in_balls(const EuclideanWorld::Block& x, EuclideanWorld::Block& room);

// At least the 2-norm of d (down . inner)_c / d n_c of every column, n the normalised stream. The bounds of columns of large importance [tokens] are the sharpest.
std::vector<double> inner_block_norms(const EuclideanWorld::Inner& inner, const Tensor& down, std::span<const double> importance);

}  // namespace snellen
