#include "lib/number/integer_tile.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define SNELLEN_INTEGER_TILE_X86
#endif

namespace snellen {

void integer_tile_portable(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  std::array<std::int32_t, tile_side * tile_side> total{};
  for (std::size_t p = 0; p < pairs; ++p, x += 2 * tile_side, y += 2 * tile_side)
    for (std::size_t i = 0; i < tile_side; ++i)
      for (std::size_t j = 0; j < tile_side; ++j) total[i * tile_side + j] += x[2 * i] * y[2 * j] + x[2 * i + 1] * y[2 * j + 1];
  std::memcpy(sums, total.data(), sizeof total);
}

#ifdef SNELLEN_INTEGER_TILE_X86
namespace {

using Tile = void (*)(std::int32_t*, const std::int16_t*, const std::int16_t*, std::size_t);

// A pair of entries, to be copied into every lane.
inline int pair_at(const std::int16_t* place) {
  int result;
  std::memcpy(&result, place, sizeof result);
  return result;
}

// `rows` rows of the tile are kept in registers at a time: as many as the instruction set has.
__attribute__((target("avx512f,avx512bw"))) void tile_avx512(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  constexpr std::size_t rows = 16;
  __m512i total[rows];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < rows; ++i) total[i] = _mm512_setzero_si512();
  for (std::size_t p = 0; p < pairs; ++p) {
    const __m512i column = _mm512_loadu_si512(y + p * 2 * tile_side);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < rows; ++i)
      total[i] = _mm512_add_epi32(total[i], _mm512_madd_epi16(_mm512_set1_epi32(pair_at(x + 2 * (p * tile_side + i))), column));
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < rows; ++i) _mm512_storeu_si512(sums + i * tile_side, total[i]);
}

// VNNI multiplies and adds in one instruction.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void tile_vnni(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  constexpr std::size_t rows = 16;
  __m512i total[rows];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < rows; ++i) total[i] = _mm512_setzero_si512();
  for (std::size_t p = 0; p < pairs; ++p) {
    const __m512i column = _mm512_loadu_si512(y + p * 2 * tile_side);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < rows; ++i) total[i] = _mm512_dpwssd_epi32(total[i], _mm512_set1_epi32(pair_at(x + 2 * (p * tile_side + i))), column);
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < rows; ++i) _mm512_storeu_si512(sums + i * tile_side, total[i]);
}

__attribute__((target("avx2"))) void tile_avx2(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  constexpr std::size_t rows = 4;
  for (std::size_t first = 0; first < tile_side; first += rows) {
    __m256i total[rows][2];
    for (auto& row : total) row[0] = row[1] = _mm256_setzero_si256();
    for (std::size_t p = 0; p < pairs; ++p) {
      const auto* place = reinterpret_cast<const __m256i_u*>(y + p * 2 * tile_side);
      const __m256i left = _mm256_loadu_si256(place), right = _mm256_loadu_si256(place + 1);
      for (std::size_t i = 0; i < rows; ++i) {
        const __m256i factor = _mm256_set1_epi32(pair_at(x + 2 * (p * tile_side + first + i)));
        total[i][0] = _mm256_add_epi32(total[i][0], _mm256_madd_epi16(factor, left));
        total[i][1] = _mm256_add_epi32(total[i][1], _mm256_madd_epi16(factor, right));
      }
    }
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t half = 0; half < 2; ++half)
        _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(sums + (first + i) * tile_side) + half, total[i][half]);
  }
}

void tile_sse2(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  constexpr std::size_t rows = 2, parts = 4;
  for (std::size_t first = 0; first < tile_side; first += rows) {
    __m128i total[rows][parts];
    for (auto& row : total)
      for (__m128i& part : row) part = _mm_setzero_si128();
    for (std::size_t p = 0; p < pairs; ++p)
      for (std::size_t i = 0; i < rows; ++i) {
        const __m128i factor = _mm_set1_epi32(pair_at(x + 2 * (p * tile_side + first + i)));
        for (std::size_t part = 0; part < parts; ++part)
          total[i][part] = _mm_add_epi32(total[i][part], _mm_madd_epi16(factor, _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(y + p * 2 * tile_side) + part)));
      }
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t part = 0; part < parts; ++part)
        _mm_storeu_si128(reinterpret_cast<__m128i_u*>(sums + (first + i) * tile_side) + part, total[i][part]);
  }
}

}  // namespace

void integer_tile(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) {
  static const Tile best = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") ? tile_vnni
                           : __builtin_cpu_supports("avx512bw")                                        ? tile_avx512
                           : __builtin_cpu_supports("avx2")                                            ? tile_avx2
                                                                                                       : tile_sse2;
  best(sums, x, y, pairs);
}
#else
void integer_tile(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs) { integer_tile_portable(sums, x, y, pairs); }
#endif

}  // namespace snellen
