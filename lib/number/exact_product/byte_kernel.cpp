#include "lib/number/exact_product/byte_kernel.hpp"

#include <algorithm>
#include <cstdlib>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SNELLEN_BYTE_TILES
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

}  // namespace

ByteWeights::ByteWeights(const PreparedWeights& weights) : chunks_((weights.columns() + byte_terms - 1) / byte_terms) {
  const std::size_t rows = weights.rows(), columns = weights.columns();
  std::int64_t least = 0, most = 0;
#pragma omp parallel for schedule(static) reduction(min : least) reduction(max : most)
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < columns; ++k) {
      const std::int64_t w = weight(weights, i, k);
      least = std::min(least, w), most = std::max(most, w);
    }
  digits_ = std::max(digits_of(least), digits_of(most));
  const std::size_t blocks = (rows + byte_rows - 1) / byte_rows, block_bytes = chunks_ * digits_ * tile_bytes;
  bytes_ = blocks * block_bytes;
  tiles_ = std::make_unique_for_overwrite<std::int8_t[]>(bytes_);
#pragma omp parallel for schedule(static)
  for (std::size_t block = 0; block < blocks; ++block) {
    std::fill_n(tiles_.get() + block * block_bytes, block_bytes, std::int8_t{0});
    for (std::size_t i = block * byte_rows; i < std::min(rows, (block + 1) * byte_rows); ++i)
      for (std::size_t k = 0; k < columns; ++k) {
        std::int64_t w = weight(weights, i, k);
        std::int8_t* place = tiles_.get() + ((block * chunks_ + k / byte_terms) * digits_) * tile_bytes + k % byte_terms / 4 * 64 + i % byte_rows * 4 + k % 4;
        for (std::size_t a = 0; a < digits_; ++a) {
          const auto digit = static_cast<std::int8_t>(w);
          place[a * tile_bytes] = digit;
          w = (w - digit) / 256;
        }
      }
  }
}

std::shared_ptr<const ByteWeights> ByteWeights::of(const PreparedWeights& weights) {
  return weights.tensor().derived().get<ByteWeights>([](const ByteWeights&) { return true; }, [&] { return ByteWeights(weights); });
}

#ifdef SNELLEN_BYTE_TILES

namespace {

#define SNELLEN_TARGET __attribute__((target("amx-tile,amx-int8")))

struct alignas(64) Configuration {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t columns[16] = {};
  std::uint8_t rows[16] = {};
};

bool ask_for_tiles() {
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d >> 24 & 3) != 3) return false;  // AMX-TILE and AMX-INT8
  constexpr long request = 0x1023, tile_data = 18;                                      // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

// Three tiles of 16 places at a time, fewer in the end.
template <int tiles>
SNELLEN_TARGET void sums_of_places(const std::int8_t* weights, std::size_t chunks, std::size_t digits, const std::int8_t* vector, std::size_t places, std::int32_t* sums) {
  _tile_zero(0);
  if constexpr (tiles > 1) _tile_zero(1);
  if constexpr (tiles > 2) _tile_zero(2);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk, vector += (places + byte_margin) * byte_terms)
    for (std::size_t a = 0; a < digits; ++a, weights += tile_bytes) {
      const std::int8_t* rows = vector + (byte_margin - a) * byte_terms;
      _tile_loadd(7, weights, 64);
      _tile_loadd(4, rows, 64);
      _tile_dpbssd(0, 4, 7);
      if constexpr (tiles > 1) {
        _tile_loadd(5, rows + tile_bytes, 64);
        _tile_dpbssd(1, 5, 7);
      }
      if constexpr (tiles > 2) {
        _tile_loadd(6, rows + 2 * tile_bytes, 64);
        _tile_dpbssd(2, 6, 7);
      }
    }
  _tile_stored(0, sums, 64);
  if constexpr (tiles > 1) _tile_stored(1, sums + byte_rows * byte_rows, 64);
  if constexpr (tiles > 2) _tile_stored(2, sums + 2 * byte_rows * byte_rows, 64);
}

SNELLEN_TARGET void configure() {
  Configuration configuration;
  for (int t = 0; t < 8; ++t) configuration.columns[t] = 64, configuration.rows[t] = 16;
  asm volatile("" : : "r"(&configuration) : "memory");  // GCC's own header says that only its first bytes are read
  _tile_loadconfig(&configuration);
}
SNELLEN_TARGET void release() { _tile_release(); }

}  // namespace

bool byte_tiles_available() {
  static const bool available = ask_for_tiles();
  return available;
}

void byte_sums(const ByteWeights& weights, std::size_t block, const std::int8_t* vector, std::size_t places, std::int32_t* sums) {
  for (std::size_t p = 0; p < places;) {
    const std::size_t left = (places - p) / byte_rows;
    const auto* from = vector + p * byte_terms;
    std::int32_t* to = sums + p * byte_rows;
    if (left == 1) sums_of_places<1>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    else if (left == 2) sums_of_places<2>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    else sums_of_places<3>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    p += std::min<std::size_t>(left, 3) * byte_rows;
  }
}

ByteTiles::ByteTiles(bool wanted) : configured_(wanted) {
  if (configured_) configure();
}
ByteTiles::~ByteTiles() {
  if (configured_) release();
}

#else

bool byte_tiles_available() { return false; }
void byte_sums(const ByteWeights&, std::size_t, const std::int8_t*, std::size_t, std::int32_t*) { std::abort(); }
ByteTiles::ByteTiles(bool) : configured_(false) {}
ByteTiles::~ByteTiles() = default;

#endif

}  // namespace snellen
