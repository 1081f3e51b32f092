#include "lib/number/exact_product/byte_kernel.hpp"

#include <algorithm>

namespace snellen {
namespace {

constexpr std::size_t tile_bytes = byte_rows * byte_terms;

// How many signed digits a weight needs.
std::size_t digits_of(std::int64_t w) {
  std::size_t count = 1;
  for (; w < -128 || w > 127; ++count) w = (w - static_cast<std::int8_t>(w)) / 256;
  return count;
}

std::int64_t weight(const PreparedWeights& weights, std::size_t row, std::size_t k) {
  return static_cast<std::int64_t>(weights.narrow(row / group_rows)[k * group_rows + row % group_rows]) - (std::int64_t{1} << 23);
}

void plain_sums(const ByteWeights& weights, std::size_t block, const std::uint8_t* vector, std::size_t places, std::size_t wanted, std::int32_t* sums) {
  std::fill_n(sums, wanted * byte_rows, 0);
  const std::int8_t* tile = weights.block(block);
  for (std::size_t chunk = 0; chunk < weights.chunks(); ++chunk, vector += (places + byte_margin) * byte_terms)
    for (std::size_t a = 0; a < weights.digits(); ++a, tile += tile_bytes)
      for (std::size_t p = 0; p < wanted; ++p) {
        const std::uint8_t* row = vector + (byte_margin - a + p) * byte_terms;
        for (std::size_t k = 0; k < byte_terms; ++k) {
          const std::int32_t digit = static_cast<std::int8_t>(row[k]);
          for (std::size_t r = 0; r < byte_rows; ++r) sums[p * byte_rows + r] += digit * tile[k / 4 * 64 + r * 4 + k % 4];
        }
      }
}

void nothing() {}

}  // namespace

ByteWeights::ByteWeights(const PreparedWeights& weights) : chunks_(byte_chunks(weights.columns())) {
  const std::size_t rows = weights.rows(), columns = weights.columns();
  std::int64_t least = 0, most = 0;
#pragma omp parallel for schedule(static) reduction(min : least) reduction(max : most)
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < columns; ++k) {
      const std::int64_t w = weight(weights, i, k);
      least = std::min(least, w), most = std::max(most, w);
    }
  digits_ = std::max(digits_of(least), digits_of(most));
  const std::size_t blocks = (rows + byte_rows - 1) / byte_rows;
  bytes_ = blocks * block_bytes();
  tiles_ = std::make_unique_for_overwrite<std::int8_t[]>(bytes_);
  sums_.resize(blocks * byte_rows);
#pragma omp parallel for schedule(static)
  for (std::size_t block = 0; block < blocks; ++block) {
    std::fill_n(tiles_.get() + block * block_bytes(), block_bytes(), std::int8_t{0});
    for (std::size_t i = block * byte_rows; i < std::min(rows, (block + 1) * byte_rows); ++i)
      for (std::size_t k = 0; k < columns; ++k) {
        std::int64_t w = weight(weights, i, k);
        std::int8_t* place = tiles_.get() + block * block_bytes() + k / byte_terms * digits_ * tile_bytes + k % byte_terms / 4 * 64 + i % byte_rows * 4 + k % 4;
        for (std::size_t a = 0; a < digits_; ++a) {
          const auto digit = static_cast<std::int8_t>(w);
          place[a * tile_bytes] = digit;
          sums_[i] += digit;
          w = (w - digit) / 256;
        }
      }
  }
}

std::shared_ptr<const ByteWeights> ByteWeights::of(const PreparedWeights& weights) {
  return weights.tensor().derived().get<ByteWeights>([](const ByteWeights&) { return true; }, [&] { return ByteWeights(weights); });
}

const ByteKernels& portable_byte_kernels() {
  static constexpr ByteKernels kernels{0, 1, plain_sums, nothing, nothing};
  return kernels;
}

const ByteKernels& byte_kernels_of(ProductPath path) {
  if (path == ProductPath::byte_tiles) return tile_byte_kernels();
  if (path == ProductPath::bytes_vnni) return vnni_byte_kernels();
  return portable_byte_kernels();
}

}  // namespace snellen
