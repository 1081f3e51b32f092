// Keys and values of very many tokens, each number in one double with one bound of what was rounded, and the attention of single queries to all of them: a pass over the tokens in doubles whose
// errors are enclosed, some hundred times faster than balls and good to about 11 digits.
//
// With q^, k^, v^ the doubles, A = |q^|_1, a the sum of the query's radii, K >= |k|, kappa >= |k - k^| and D >= |v - v0|, v0 the token's own value:
//   scores   |s_e - s^_e| <= A kappa + a (K + kappa) + (size + 4) 2^-53 A K =: eta                    (Higham 2002, section 3.1)
//   weights  w^_e = w_e (1 + x), |x| <= omega := 2 eta + 2^-45, near_exp erring by 2^-46 and eta < 2^-20; a factor that all share cancels, so that scores are taken less the token's own
//   output   sum w v / sum w is within 4 omega D of the same quotient with w^: a weighted mean of values that differ by at most 2 D, whose weights change by the factors 1 + x
//   sums     16 lanes of a block of 4096 tokens, then lanes, then blocks: c numbers err by at most (c / 4096 + 280) 2^-53 times the sum of their sizes, numerator and mass
#pragma once

#include <cstdint>
#include <vector>

#include "lib/world/ball.hpp"

namespace snellen {

class RoundedMemory {
 public:
  std::size_t entries() const { return entries_; }
  // Of all of one token's keys; of its values.
  std::size_t key_width() const { return key_width_; }
  std::size_t value_width() const { return value_width_; }
  // Appends the columns of k [kv_heads * head_size, tokens], turned by their positions, and of v [kv_heads * any size, tokens]. Infinite bounds where an entry is not moderate.
  void append(const BallMatrix& k, const BallMatrix& v);

  // A ball that contains entry e's i-th number.
  void set_key(arb_ptr x, std::size_t e, std::size_t i) const;
  void set_value(arb_ptr x, std::size_t e, std::size_t i) const;

  // Tokens stand side by side in tiles: the i-th number of entry e is tile(e / lanes, i)[e % lanes]; zero where there is no entry.
  static constexpr std::size_t lanes = 16;
  const double* key_tile(std::size_t tile, std::size_t i) const { return &keys_[(tile * key_width_ + i) * lanes]; }
  const double* value_tile(std::size_t tile, std::size_t i) const { return &values_[(tile * value_width_ + i) * lanes]; }
  // At least every |k - k^| and |v - v^|; every |k^| and |v^|.
  double key_error() const { return key_error_; }
  double value_error() const { return value_error_; }
  double largest_key() const { return largest_key_; }
  double largest_value() const { return largest_value_; }

 private:
  void append(std::vector<double>& tiles, const BallMatrix& x, double& error, double& largest) const;

  std::size_t key_width_ = 0, value_width_ = 0, entries_ = 0;
  std::vector<double> keys_, values_;  // [(tile * width + i) * lanes + lane]
  double key_error_ = 0, value_error_ = 0, largest_key_ = 0, largest_value_ = 0;
};

// What tokens mix, v [kv_heads * any size, tokens] being their own values: a weighted mean of the values of the first column.position tokens of the memory and of their own.         -> [heads * that size, tokens]
BallMatrix attend_rounded(const Attention& attention, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, std::span<const Column> columns, const RoundedMemory& memory, long bits);

// Columns of the last token of sequences of column.position + 1 tokens, of which the memory holds at least the first column.position. Nothing is appended.
class RoundedMemoryWorld : public BallWorld {
 public:
  using Memory = const RoundedMemory;
  using BallWorld::BallWorld;
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
    return attend_rounded(attention, q, k, v, columns, memory, bits());
  }
};

static_assert(CertifiedWorld<RoundedMemoryWorld>);

}  // namespace snellen
