// Bytes by AMX: tiles of 16 rows of 64 bytes, 16 x 16 sums of 64 products an instruction.
#include <algorithm>

#include "lib/number/exact_product/byte_kernel.hpp"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace snellen {
namespace {

#define SNELLEN_TARGET __attribute__((target("amx-tile,amx-int8")))

constexpr std::size_t tile_bytes = byte_rows * byte_terms;

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
SNELLEN_TARGET void sums_of_places(const std::int8_t* weights, std::size_t chunks, std::size_t digits, const std::uint8_t* vector, std::size_t places, std::int32_t* sums) {
  _tile_zero(0);
  if constexpr (tiles > 1) _tile_zero(1);
  if constexpr (tiles > 2) _tile_zero(2);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk, vector += (places + byte_margin) * byte_terms)
    for (std::size_t a = 0; a < digits; ++a, weights += tile_bytes) {
      const std::uint8_t* rows = vector + (byte_margin - a) * byte_terms;
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

// Tiles belong to a thread: they are configured while it uses them.
SNELLEN_TARGET void configure() {
  Configuration configuration;
  for (int t = 0; t < 8; ++t) configuration.columns[t] = 64, configuration.rows[t] = 16;
  asm volatile("" : : "r"(&configuration) : "memory");  // GCC's own header says that only its first bytes are read
  _tile_loadconfig(&configuration);
}
SNELLEN_TARGET void release() { _tile_release(); }

void tile_sums(const ByteWeights& weights, std::size_t block, const std::uint8_t* vector, std::size_t places, std::size_t wanted, std::int32_t* sums) {
  for (std::size_t p = 0; p < wanted;) {
    const std::size_t left = (wanted - p) / byte_rows;
    const auto* from = vector + p * byte_terms;
    std::int32_t* to = sums + p * byte_rows;
    if (left == 1) sums_of_places<1>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    else if (left == 2) sums_of_places<2>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    else sums_of_places<3>(weights.block(block), weights.chunks(), weights.digits(), from, places, to);
    p += std::min<std::size_t>(left, 3) * byte_rows;
  }
}

}  // namespace

bool byte_tiles_available() {
  static const bool available = ask_for_tiles();
  return available;
}
const ByteKernels& tile_byte_kernels() {
  static constexpr ByteKernels kernels{0, byte_rows, tile_sums, configure, release};
  return kernels;
}

}  // namespace snellen

#else

bool snellen::byte_tiles_available() { return false; }
const snellen::ByteKernels& snellen::tile_byte_kernels() { return portable_byte_kernels(); }

#endif
