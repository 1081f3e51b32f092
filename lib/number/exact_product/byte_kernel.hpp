// The integer sums of products with narrow weights by bytes: both sides in signed digits of 8 bits, whose products the processor adds up in 32 bits, many an
// instruction: by tiles of bytes (AMX), by AVX-512 VNNI, and in plain C++ where neither is there (to be tested; digits of 28 bits are faster then).
//
// A number is sum_p b_p 256^p with -128 <= b_p <= 127. A sum of products of digits of one weight digit a and one digit p - a of the vector is at most 2^14 in size for each
// term; at most 4 weight digits and 2^14 terms stay below 2^31 for each place p.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

inline constexpr std::size_t byte_rows = 16, byte_terms = 64, most_weight_bytes = 4, most_byte_columns = std::size_t{1} << 14;

// Narrow weights: [block of 16 rows][chunk of 64 columns][digit][16][16 rows][4], what is absent zero.
class ByteWeights {
 public:
  explicit ByteWeights(const PreparedWeights& weights);
  // Those of a tensor, kept with it.
  static std::shared_ptr<const ByteWeights> of(const PreparedWeights& weights);
  static bool serves(const PreparedWeights& weights) { return weights.fits() && weights.width() == WeightWidth::narrow && weights.columns() <= most_byte_columns; }
  std::size_t bytes() const { return sizeof *this + bytes_ + sums_.size() * sizeof(std::int32_t); }

  std::size_t digits() const { return digits_; }
  std::size_t chunks() const { return chunks_; }
  std::size_t block_bytes() const { return chunks_ * digits_ * byte_rows * byte_terms; }
  const std::int8_t* block(std::size_t b) const { return tiles_.get() + b * block_bytes(); }
  // The sum of each row's digits: [16 rows].
  const std::int32_t* sums(std::size_t b) const { return sums_.data() + b * byte_rows; }

 private:
  std::size_t digits_ = 1, chunks_;
  std::size_t bytes_ = 0;  // of the tiles
  std::unique_ptr<std::int8_t[]> tiles_;
  std::vector<std::int32_t> sums_;
};

// A vector's digits, each stored as the kernels' `zero` above it: [chunk][byte_margin rows of zeros, then a row a place][64 entries]. Places: a multiple of
// byte_rows.
inline constexpr std::size_t byte_margin = most_weight_bytes - 1;
constexpr std::size_t byte_vector_size(std::size_t chunks, std::size_t places) { return chunks * (places + byte_margin) * byte_terms; }
constexpr std::size_t byte_chunks(std::size_t entries) { return (entries + byte_terms - 1) / byte_terms; }

struct ByteKernels {
  std::uint8_t zero;  // 0, or 128 where an instruction wants one side without signs
  // Sums are made of so many places at a time: a divisor of byte_rows.
  std::size_t granule;
  // sums[p * 16 + r] = sum over a and k of weight digit a of row r, entry k, times the vector's digit p - a of entry k; p < wanted, which is a multiple of the granule
  // and at most `places`, what the vector has.
  void (*sums)(const ByteWeights& weights, std::size_t block, const std::uint8_t* vector, std::size_t places, std::size_t wanted, std::int32_t* sums);
  // Around a thread's sums.
  void (*begin)();
  void (*end)();

  // Of a vector that has `own` digits.
  std::size_t wanted(const ByteWeights& weights, std::size_t own) const { return (own + weights.digits() - 1 + granule - 1) / granule * granule; }
};
// The places that a vector of `own` digits is stored with: room for the sums with any weights.
constexpr std::size_t byte_places(std::size_t own) { return (own + byte_margin + byte_rows - 1) / byte_rows * byte_rows; }

// Of a path by bytes that is available.
const ByteKernels& byte_kernels_of(ProductPath path);
bool byte_tiles_available();  // may this program use them? Asks the system the first time
bool byte_vnni_available();

class ByteSession {
 public:
  explicit ByteSession(const ByteKernels& kernels) : kernels_(kernels) { kernels_.begin(); }
  ByteSession(const ByteSession&) = delete;
  ByteSession& operator=(const ByteSession&) = delete;
  ~ByteSession() { kernels_.end(); }

 private:
  const ByteKernels& kernels_;
};

// Of each path; the processor must have what the name says.
const ByteKernels& portable_byte_kernels();
const ByteKernels& vnni_byte_kernels();
const ByteKernels& tile_byte_kernels();

}  // namespace snellen
