// The integer sums of the fixed-point product by tiles of bytes (AMX): both sides in signed digits of 8 bits, 16 x 16 sums of 64 products an instruction.
//
// A number is sum_p b_p 2^(8p) with -128 <= b_p <= 127. A sum of products of digits of one weight digit a and one digit p - a of the vector is at most 2^14 in size for each
// term; at most 4 weight digits and 2^14 terms stay below 2^31 for each place p.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

inline constexpr std::size_t byte_rows = 16, byte_terms = 64, most_weight_bytes = 4, most_byte_columns = std::size_t{1} << 14;

// Can this processor, and may this program, use the tiles? Asks the system the first time.
bool byte_tiles_available();

// Narrow weights as tiles: [block of 16 rows][chunk of 64 columns][digit][16][16 rows][4], what is absent zero.
class ByteWeights {
 public:
  explicit ByteWeights(const PreparedWeights& weights);
  // Those of a tensor, kept with it.
  static std::shared_ptr<const ByteWeights> of(const PreparedWeights& weights);
  static bool serves(const PreparedWeights& weights) { return weights.fits() && weights.width() == WeightWidth::narrow && weights.columns() <= most_byte_columns; }
  std::size_t bytes() const { return sizeof *this + bytes_; }

  std::size_t digits() const { return digits_; }
  std::size_t chunks() const { return chunks_; }
  const std::int8_t* block(std::size_t b) const { return tiles_.get() + b * chunks_ * digits_ * byte_rows * byte_terms; }

 private:
  std::size_t digits_ = 1, chunks_;
  std::size_t bytes_ = 0;  // of the tiles
  std::unique_ptr<std::int8_t[]> tiles_;
};

// A vector's digits: [chunk][most_weight_bytes - 1 rows of zeros, then a row a place][64 entries]. `places` rows of digits, a multiple of 16.
inline constexpr std::size_t byte_margin = most_weight_bytes - 1;
constexpr std::size_t byte_vector_size(std::size_t chunks, std::size_t places) { return chunks * (places + byte_margin) * byte_terms; }

// sums[p * 16 + r] = sum over a and k of weight digit a of row r, entry k, times the vector's digit p - a of entry k; p < places.
void byte_sums(const ByteWeights& weights, std::size_t block, const std::int8_t* vector, std::size_t places, std::int32_t* sums);

// Tiles belong to a thread: they are configured while one of these lives.
class ByteTiles {
 public:
  explicit ByteTiles(bool wanted);
  ByteTiles(const ByteTiles&) = delete;
  ByteTiles& operator=(const ByteTiles&) = delete;
  ~ByteTiles();

 private:
  bool configured_;
};

}  // namespace snellen
