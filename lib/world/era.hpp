// The world of a run: an evaluation that holds for every length n of an era at once. Mathematics: proofs/era.md and proofs/tail.md.
//
// The sequence is P . a^n . Q under a mask without window and without positions (ALiBi, without Q: eras of one token). The decoder is run for one block of
// abstract tokens: the n-th run token and the tokens of Q, n any integer of the world's era. Each token is a Taylor model (lib/number/taylor.hpp) an entry.
// The run token sees P, the run up to itself; a suffix token sees these, the suffix up to itself, and leaves nothing behind. The memory of a layer is what
// the tokens before the era leave for attention, so worlds are applied in order: the limit (all weight on the run, about which everything is
// centred), explicit tokens, eras, and at any time a tail: all n from some length on, as one era that no era can follow.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "lib/number/power_sums.hpp"
#include "lib/number/taylor.hpp"
#include "lib/world/era_attention.hpp"

namespace snellen {

// One layer's past.
struct RunMemory {
  // Who looks back: the run token or a token of the suffix. Sums over the past are centred on its own query at the limit.
  struct Viewer {
    BallVector query;             // the centre, exact, times the score's scale: [heads * head_size]
    std::vector<HeadPast> heads;  // one a query head
  };
  BallVector key, value;          // the run's centres, exact: [kv_heads * head_size]
  std::vector<Viewer> viewers;    // one a token of the block
};

class EraWorld {
 public:
  static constexpr bool certified = true;
  using Block = BallMatrix;  // [width, tokens * (degree + 1)]: a row holds one model a token, the run token's first
  using Memory = RunMemory;

  struct Limit {};                        // a state of the run that only sees the run: that of [a] alone; suffix tokens that only see such a run
  struct Era { Length first, last; };     // run tokens first <= n <= last; one token: first = last
  struct Tail { Length first; };          // run tokens n >= first
  using Extent = std::variant<Limit, Era, Tail>;

  // Coefficients are rounded to the bits of `balls`. Sums over earlier tokens may be shortened where that costs less than about 2^-accuracy of the result
  // (the error is enclosed). Degree 0 unless the extent is an era of several tokens.
  EraWorld(Extent extent, std::size_t degree, std::shared_ptr<const BallWorld> balls, long accuracy);

  const TaylorArithmetic& taylor() const { return taylor_; }
  const PowerSums& sums() const { return *sums_; }  // of an era of several tokens

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;   // std::logic_error: no limit under absolute positions
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;                      // the same
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;  // std::logic_error
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.rows(); }
  std::size_t tokens(const Block& x) const { return x.columns() / length(); }

  // Adds the first `count` entries, explicit tokens, to a layer's past: keys and values of positions 0, 1, ... of P . a^n, as the ball world left them.
  void add_tokens(const Attention& attention, const BallWorld::Memory& tokens, std::size_t count, Memory& memory) const;

  // Takes back what the last era, of several tokens, left in a layer's past.
  static void forget_era(Memory& memory);

  // Over the whole extent.
  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const;

 private:
  bool is_limit() const { return std::holds_alternative<Limit>(extent_); }
  bool is_tail() const { return std::holds_alternative<Tail>(extent_); }
  std::size_t length() const { return static_cast<std::size_t>(taylor_.length()); }
  template <class F>
  void for_each_model(const Block& x, const F& f) const;  // f(row, column of the model's constant)
  BallMatrix keys_or_values(const Block& x, std::size_t row, std::size_t size, std::size_t token, const BallVector& centre) const;
  void attend_head(const Attention& a, std::size_t head, const Block& q, const Block& k, const Block& v, std::int64_t position, Memory& memory, Block& mixed) const;
  void attend_limit(const Attention& a, const Block& q, const Block& k, const Block& v, Memory& memory, Block& mixed) const;

  Extent extent_;
  std::shared_ptr<const BallWorld> balls_;
  TaylorArithmetic taylor_;
  long accuracy_;
  std::shared_ptr<const PowerSums> sums_;
};

static_assert(CertifiedWorld<EraWorld>);

}  // namespace snellen
