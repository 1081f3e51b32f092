// How fast late tokens of a run forget: bounds of the blocks of a layer's derivative at the abstract token of a run (lib/world/majorant.hpp), for every length at once.
// Mathematics: proofs/sensitivity.md, "A run that grows".
//
// The sequence is P . a^n, one column: the token of copy j, for every j >= M. Attention's layers see everything and have no ALiBi; elsewhere, and where a head has a norm of its
// own, nothing is known and the bounds are infinite.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "lib/world/majorant.hpp"

namespace snellen {

// At every copy j >= M, t = |P| + j tokens so far: |d x_t / d x_t(0)|_2 <= own, and t |d x_t / d x_i(0)|_2 <= other for every earlier token i; x(0) is what input() was given.
struct Fading {
  Magnitude own, other;

  static Fading identity();
  static Fading unknown();
  friend Fading operator*(Fading x, const Magnitude& factor);
  Fading& operator+=(const Fading& x) { return own += x.own, other += x.other, *this; }
  // `sensitivity_fades` has one pair for all layers and tokens.
  void raise_to(const Fading& x);
};

class FadingWorld {
 public:
  static constexpr bool certified = true;

  // The normalised stream n that a branch is made of: h = weights n + bias.
  struct Source {
    Fading reach;                                 // of n
    Magnitude slope;                              // of the norm, at every token that the column stands for
    bool fresh = false;                           // n is made of what input() was given
    std::shared_ptr<const BallVector> weights;    // exact; null: ones
  };
  using SourcePtr = std::shared_ptr<const Source>;
  struct Plain {};
  struct Stream { bool fresh = false; };
  struct Normed { SourcePtr source; };
  struct Mapped { SourcePtr source; TensorPtr weight; };                   // W h + bias, rotated or not
  struct Inner { SourcePtr source; TensorPtr first, second; BallVector a, b; };  // f(W h) or f(W h)(V h): d = (a W + b V) dh, a and b at every token
  struct Branch;                                                           // an attention step
  using Path = std::variant<Plain, Stream, Normed, Mapped, std::shared_ptr<const Inner>, std::shared_ptr<const Branch>>;

  struct Block {
    MajorantBlock stream;
    Fading reach;     // infinite within a branch: only what comes out of one is bounded
    Path path;
  };
  // `slopes`: of the norm before attention, at least, of every explicit token.
  struct Memory {
    MajorantMemory past;
    std::vector<Magnitude> slopes;
  };

  FadingWorld(Length first, const RunShape& shape, std::shared_ptr<const BallWorld> balls);

  // x as what derivatives are taken to.
  Block input(Block x) const { return {std::move(x.stream), Fading::identity(), Stream{true}}; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return {world_.embed(table, columns), Fading::identity(), Stream{true}}; }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const { return {world_.add_rows(x.stream, table, columns), x.reach, x.path}; }
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const { return {world_.add_sinusoids(x.stream, columns), x.reach, x.path}; }
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const { return {world_.select(x.stream, columns), x.reach, Plain{}}; }
  std::size_t width(const Block& x) const { return x.stream.width(); }
  std::size_t tokens(const Block& x) const { return x.stream.columns(); }

  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const { return world_.enclosures(x.stream, column); }

 private:
  RunShape shape_;
  Decays decays_;
  MajorantWorld world_;
};

static_assert(CertifiedWorld<FadingWorld>);

}  // namespace snellen
