// The world of a periodic run under ALiBi: an evaluation of all copies of a period at once, or of one copy after the other. Mathematics: proofs/periodic.md.
//
// The sequence is a prefix and then copies of a period of T tokens; at some of the period's tokens a sequence may leave the run and go on with tokens of its own (a
// suffix, a repeated last token). A block holds one copy: columns 0, ..., T - 1 are the period's tokens, the others its branches. A column says what it sees of
// its own block as ever (lib/model/columns.hpp: memory entries are the block's columns); of the copies before, it sees everything that its layer's window shows. Layers
// have ALiBi slopes, or a window, or both. All operations are the ball world's, but for attention.
//
// The memory of a layer is what the copies before leave for attention, so worlds are applied in order: the limit (after infinitely many copies, each the same), explicit
// tokens, copies, and at any time a tail: all copies from some copy on, as one that none can follow.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "lib/number/taylor.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/era_attention.hpp"

namespace snellen {

// One layer's past. Keys and values are less `key_mean` and `value_mean`, exact numbers: what all keys share changes no weight.
struct PeriodicMemory {
  struct Token { BallVector key, value; };  // [kv_heads * head_size]

  BallVector key_mean, value_mean;  // [kv_heads * head_size]
  BallMatrix query, key, value;     // the limit's midpoints, exact: [heads * head_size, columns] with the score's scale, [kv_heads * head_size, T] twice
  std::vector<HeadPast> pasts;      // without a window: for each head, column and position of the period, the tokens at that position, centred on these
  std::vector<Token> tokens;        // with a window: position by position
};

class PeriodicWorld : public BallWorld {
 public:
  using Memory = PeriodicMemory;

  enum class Extent {
    limit,  // what a copy tends to
    copy,   // the next copy: its keys and values become part of the past
    tail,   // every copy from the next on: each column encloses what it is in any of them
  };

  // `period`: T. Sums over earlier tokens may be shortened where that costs less than about 2^-accuracy of the result (the error is enclosed).
  PeriodicWorld(Extent extent, std::size_t period, long bits, long accuracy);

  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;   // std::logic_error: no limit under absolute positions
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;                      // the same
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;  // std::logic_error
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;

  // Adds explicit tokens to a layer's past: keys and values of positions 0, ..., count - 1, as the ball world left them; the first copy begins at `prefix`.
  void add_tokens(const Attention& attention, const BallWorld::Memory& tokens, std::size_t prefix, std::size_t count, Memory& memory) const;

 private:
  class Query;
  void centre(const Attention& a, const Block& q, const Block& k, const Block& v, Memory& memory) const;
  void add_token(const Attention& a, arb_srcptr key, arb_srcptr value, slong stride, std::size_t place, std::int64_t position, Memory& memory) const;
  std::vector<Memory::Token> recent(const Attention& a, const Block& k, const Block& v, std::int64_t start, const Memory& memory) const;

  Extent extent_;
  std::size_t period_;
  TaylorArithmetic taylor_;
  long accuracy_;
};

static_assert(CertifiedWorld<PeriodicWorld>);

}  // namespace snellen
