// The keys and values of past tokens in the ball world: as balls, and in fixed point for the products of attention, converted once when they come.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/number/ball_matrix.hpp"

namespace snellen {

// Balls that grow at the end, at a constant cost each.
class GrowingBalls {
 public:
  std::size_t size() const { return size_; }
  arb_srcptr operator[](std::size_t i) const { return entries_[i]; }
  // Appends the columns of x, one after the other.
  void append(const BallMatrix& x);

 private:
  std::size_t size_ = 0;
  BallVector entries_;
};

// The tokens of one block in fixed point. A token's key and value of one key-value head are vectors of head_size balls with one grid each. All
// keys of a head have the same number of digits of 52 bits, and so have its values.
class MemoryBlock {
 public:
  // Lanes of 8 tokens for keys, so that one product gives the scores of 8 tokens; lanes of 8 dimensions for values, so that one product gives 8
  // entries of their mixture.
  struct Head {
    bool fits = true;  // false: a ball that is not finite, or an exponent beyond 2^40; then only the balls are there
    std::size_t key_digits = 1, value_digits = 1;
    std::vector<std::uint64_t> keys;      // [token group][dimension][key_digits][8]: K + 2^(52 key_digits - 1)
    std::vector<std::uint64_t> key_sums;  // [token][key_digits]: over the dimensions
    std::vector<std::int64_t> key_unit, key_top, key_radius_top;  // [token]
    std::vector<float> key_size, key_radius;  // [token group][dimension][8]: at least |K| 2^-key_top, the radii and cuts times 2^-key_radius_top
    std::vector<std::uint64_t> values;    // [dimension group][token][value_digits][8]: V + 2^(52 value_digits - 1)
    std::vector<std::int64_t> value_unit;  // [token]
    std::vector<bool> value_zero;         // [token]: every midpoint is zero
    std::int64_t value_top = 0, value_radius_top = 0;
    std::vector<float> value, value_radius;  // [dimension group][token][8]: V 2^-value_top within 2^-22, and the radii and cuts times 2^-value_radius_top
  };

  // k and v are [kv_heads * head_size, tokens]; `begin` is the entry of their first token.
  MemoryBlock(const BallMatrix& k, const BallMatrix& v, std::size_t begin, std::size_t kv_heads, long bits);

  std::size_t begin() const { return begin_; }
  std::size_t end() const { return begin_ + tokens_; }
  std::size_t tokens() const { return tokens_; }
  const Head& head(std::size_t h) const { return heads_[h]; }

 private:
  void convert_keys(Head& head, const BallMatrix& k, std::size_t row, long bits) const;
  void convert_values(Head& head, const BallMatrix& v, std::size_t row, long bits) const;

  std::size_t begin_, tokens_, head_size_;
  std::vector<Head> heads_;
};

struct BallMemory {
  std::size_t entries = 0;
  GrowingBalls keys, values;  // entry e's key is keys[e * width, (e + 1) * width)
  std::vector<MemoryBlock> blocks;

  void append(const BallMatrix& k, const BallMatrix& v, std::size_t kv_heads, long bits);
};

}  // namespace snellen
