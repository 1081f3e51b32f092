// AVX-512 IFMA: vpmadd52luq and vpmadd52huq add the lower and the upper 52 bits of a product of 52-bit integers to 64-bit lanes.
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SNELLEN_TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512ifma")))

namespace snellen {
namespace {

// The masked form with a full mask: GCC 12 warns of the plain one's own header.
SNELLEN_TARGET inline __m512i load(const std::uint32_t* p) {
  return _mm512_maskz_cvtepu32_epi64(0xff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
SNELLEN_TARGET inline __m512i all(std::uint32_t word) { return _mm512_maskz_set1_epi32(0x5555, static_cast<int>(word)); }
SNELLEN_TARGET inline __m512i all(std::uint64_t word) { return _mm512_set1_epi64(static_cast<long long>(word)); }
SNELLEN_TARGET inline __m512i load(const std::uint64_t* p) { return _mm512_loadu_si512(p); }

template <int G, int D>
SNELLEN_TARGET void narrow_tile(const std::uint32_t* weights, std::size_t stride, const std::uint32_t* x, std::size_t x_stride,
                                std::size_t count, std::uint64_t* sums) {
  __m512i sum[G][D];
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g)
#pragma GCC unroll 5
    for (int d = 0; d < D; ++d) sum[g][d] = _mm512_setzero_si512();
  for (std::size_t k = 0; k < count; ++k) {
    __m512i w[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) w[g] = load(weights + static_cast<std::size_t>(g) * stride + 8 * k);
#pragma GCC unroll 5
    for (int d = 0; d < D; ++d) {
      const __m512i digit = all(x[k * x_stride + static_cast<std::size_t>(d)]);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) sum[g][d] = _mm512_madd52lo_epu64(sum[g][d], w[g], digit);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g)
#pragma GCC unroll 5
    for (int d = 0; d < D; ++d) {
      const std::size_t place = static_cast<std::size_t>(d) * tile_rows + 8 * static_cast<std::size_t>(g);
      _mm512_storeu_si512(sums + place, sum[g][d]);
    }
}

template <int G, int D>
SNELLEN_TARGET void wide_tile(const std::uint64_t* weights, std::size_t stride, const std::uint64_t* x, std::size_t x_stride,
                              std::size_t count, std::uint64_t* low, std::uint64_t* high) {
  __m512i lower[G][D], upper[G][D];
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g)
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) lower[g][d] = upper[g][d] = _mm512_setzero_si512();
  for (std::size_t k = 0; k < count; ++k) {
    __m512i w[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) w[g] = load(weights + static_cast<std::size_t>(g) * stride + 8 * k);
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      const __m512i digit = all(x[k * x_stride + static_cast<std::size_t>(d)]);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) {
        lower[g][d] = _mm512_madd52lo_epu64(lower[g][d], w[g], digit);
        upper[g][d] = _mm512_madd52hi_epu64(upper[g][d], w[g], digit);
      }
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g)
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      const std::size_t place = static_cast<std::size_t>(d) * tile_rows + 8 * static_cast<std::size_t>(g);
      _mm512_storeu_si512(low + place, lower[g][d]);
      _mm512_storeu_si512(high + place, upper[g][d]);
    }
}

template <int G>
void narrow_rows(const std::uint32_t* weights, std::size_t stride, const std::uint32_t* x, std::size_t x_stride, std::size_t digits,
                 std::size_t count, std::uint64_t* sums) {
  while (digits > 0) {
    const std::size_t now = digits <= 5 ? digits : digits < 10 ? (digits + 1) / 2 : 5;
    switch (now) {
      case 1: narrow_tile<G, 1>(weights, stride, x, x_stride, count, sums); break;
      case 2: narrow_tile<G, 2>(weights, stride, x, x_stride, count, sums); break;
      case 3: narrow_tile<G, 3>(weights, stride, x, x_stride, count, sums); break;
      case 4: narrow_tile<G, 4>(weights, stride, x, x_stride, count, sums); break;
      default: narrow_tile<G, 5>(weights, stride, x, x_stride, count, sums); break;
    }
    x += now, sums += now * tile_rows, digits -= now;
  }
}

template <int G>
void wide_rows(const std::uint64_t* weights, std::size_t stride, const std::uint64_t* x, std::size_t x_stride, std::size_t digits,
               std::size_t count, std::uint64_t* low, std::uint64_t* high) {
  while (digits > 0) {
    const std::size_t now = digits <= 3 ? digits : digits < 6 ? (digits + 1) / 2 : 3;
    switch (now) {
      case 1: wide_tile<G, 1>(weights, stride, x, x_stride, count, low, high); break;
      case 2: wide_tile<G, 2>(weights, stride, x, x_stride, count, low, high); break;
      default: wide_tile<G, 3>(weights, stride, x, x_stride, count, low, high); break;
    }
    x += now, low += now * tile_rows, high += now * tile_rows, digits -= now;
  }
}

void narrow(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const std::uint32_t* x, std::size_t x_stride,
            std::size_t digits, std::size_t count, std::uint64_t* sums) {
  switch (groups) {
    case 1: return narrow_rows<1>(weights, stride, x, x_stride, digits, count, sums);
    case 2: return narrow_rows<2>(weights, stride, x, x_stride, digits, count, sums);
    case 3: return narrow_rows<3>(weights, stride, x, x_stride, digits, count, sums);
    default: return narrow_rows<4>(weights, stride, x, x_stride, digits, count, sums);
  }
}

void wide(const std::uint64_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
          std::size_t digits, std::size_t count, std::uint64_t* low, std::uint64_t* high) {
  switch (groups) {
    case 1: return wide_rows<1>(weights, stride, x, x_stride, digits, count, low, high);
    case 2: return wide_rows<2>(weights, stride, x, x_stride, digits, count, low, high);
    case 3: return wide_rows<3>(weights, stride, x, x_stride, digits, count, low, high);
    default: return wide_rows<4>(weights, stride, x, x_stride, digits, count, low, high);
  }
}

using Floats = __m256;  // the 8 rows of a group
constexpr std::size_t float_lanes = 8;
SNELLEN_TARGET inline Floats no_floats() { return _mm256_setzero_ps(); }
SNELLEN_TARGET inline Floats all_floats(float value) { return _mm256_set1_ps(value); }
SNELLEN_TARGET inline Floats add_floats(Floats a, Floats b) { return _mm256_add_ps(a, b); }
SNELLEN_TARGET inline Floats times_floats(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
SNELLEN_TARGET inline void store_floats(float* p, Floats v) { _mm256_storeu_ps(p, v); }
SNELLEN_TARGET inline Floats without_sign(Floats v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
SNELLEN_TARGET inline Floats magnitudes(const std::uint32_t* p) {
  const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return without_sign(_mm256_cvtepi32_ps(_mm256_sub_epi32(stored, _mm256_set1_epi32(1 << 23))));
}
SNELLEN_TARGET inline Floats magnitudes(const std::uint64_t* p) {
  return without_sign(_mm512_cvtepi64_ps(_mm512_sub_epi64(load(p), _mm512_set1_epi64(std::int64_t{1} << 50))));
}

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/kernels_radii.inc"

const snellen::Kernels& snellen::avx512_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii<std::uint32_t>, radii<std::uint64_t>};
  return kernels;
}
#endif
