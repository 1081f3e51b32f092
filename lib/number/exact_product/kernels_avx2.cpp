// AVX2: vpmuludq multiplies the lower 32 bits of 64-bit lanes.
#include "lib/number/exact_product/kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SNELLEN_TARGET __attribute__((target("avx2")))

namespace snellen {
namespace {

SNELLEN_TARGET inline __m256i load(const std::uint32_t* p) { return _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
SNELLEN_TARGET inline __m256i load(const std::uint64_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
SNELLEN_TARGET inline void store(std::uint64_t* p, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), value); }

// The 8 rows of a group: two vectors.
template <int D>
SNELLEN_TARGET void narrow_tile(const std::uint32_t* weights, const std::uint64_t* x, std::size_t x_stride, std::size_t count, std::uint64_t* sums) {
  __m256i sum[2][D];
#pragma GCC unroll 5
  for (int d = 0; d < D; ++d) sum[0][d] = sum[1][d] = _mm256_setzero_si256();
  for (std::size_t k = 0; k < count; ++k) {
    const __m256i w0 = load(weights + 8 * k), w1 = load(weights + 8 * k + 4);
#pragma GCC unroll 5
    for (int d = 0; d < D; ++d) {
      const __m256i digit = _mm256_set1_epi64x(static_cast<long long>(x[k * x_stride + static_cast<std::size_t>(d)]));
      sum[0][d] = _mm256_add_epi64(sum[0][d], _mm256_mul_epu32(w0, digit));
      sum[1][d] = _mm256_add_epi64(sum[1][d], _mm256_mul_epu32(w1, digit));
    }
  }
#pragma GCC unroll 5
  for (int d = 0; d < D; ++d) {
    store(sums + static_cast<std::size_t>(d) * tile_rows, sum[0][d]);
    store(sums + static_cast<std::size_t>(d) * tile_rows + 4, sum[1][d]);
  }
}

// (w1 2^26 + w0)(x1 2^26 + x0), the four products summed apart: `middle` is that of 2^26.
template <int D>
SNELLEN_TARGET void wide_tile(const std::uint64_t* weights, const std::uint64_t* x, std::size_t x_stride, std::size_t count, std::uint64_t* low,
                              std::uint64_t* high) {
  __m256i lower[D], middle[D], upper[D];
#pragma GCC unroll 3
  for (int d = 0; d < D; ++d) lower[d] = middle[d] = upper[d] = _mm256_setzero_si256();
  const __m256i mask = _mm256_set1_epi64x((1 << 26) - 1);
  for (std::size_t k = 0; k < count; ++k) {
    const __m256i w = load(weights + 8 * k), w0 = _mm256_and_si256(w, mask), w1 = _mm256_srli_epi64(w, 26);
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      const std::uint64_t digit = x[k * x_stride + static_cast<std::size_t>(d)];
      const __m256i both = _mm256_set1_epi64x(static_cast<long long>(digit));
      const __m256i x0 = _mm256_and_si256(both, mask), x1 = _mm256_srli_epi64(both, 26);
      lower[d] = _mm256_add_epi64(lower[d], _mm256_mul_epu32(w0, x0));
      middle[d] = _mm256_add_epi64(middle[d], _mm256_add_epi64(_mm256_mul_epu32(w0, x1), _mm256_mul_epu32(w1, x0)));
      upper[d] = _mm256_add_epi64(upper[d], _mm256_mul_epu32(w1, x1));
    }
  }
#pragma GCC unroll 3
  for (int d = 0; d < D; ++d) {
    const __m256i shifted = _mm256_slli_epi64(_mm256_and_si256(middle[d], mask), 26);  // below 2^52: lower + shifted stays below 2^64
    store(low + static_cast<std::size_t>(d) * tile_rows, _mm256_add_epi64(lower[d], shifted));
    store(high + static_cast<std::size_t>(d) * tile_rows, _mm256_add_epi64(upper[d], _mm256_srli_epi64(middle[d], 26)));
  }
}

// As in the AVX-512 path.
template <int C, class Word>
SNELLEN_TARGET void radii_tile(const Word* weights, const double* x, std::size_t count, double* sums) {
  const __m256i exponent = _mm256_set1_epi64x(0x4330000000000000);
  const __m256d origin = _mm256_set1_pd(0x1p52 + (sizeof(Word) == 4 ? 0x1p23 : 0x1p50)), sign = _mm256_set1_pd(-0.0);
  __m256d sum[2][C];
#pragma GCC unroll 4
  for (int c = 0; c < C; ++c) sum[0][c] = sum[1][c] = _mm256_setzero_pd();
  for (std::size_t k = 0; k < count; ++k)
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i word = _mm256_or_si256(load(weights + 8 * k + 4 * static_cast<std::size_t>(half)), exponent);
      const __m256d w = _mm256_andnot_pd(sign, _mm256_sub_pd(_mm256_castsi256_pd(word), origin));
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c)
        sum[half][c] = _mm256_add_pd(sum[half][c], _mm256_mul_pd(w, _mm256_set1_pd(x[k * C + static_cast<std::size_t>(c)])));
    }
#pragma GCC unroll 4
  for (int c = 0; c < C; ++c) {
    _mm256_storeu_pd(sums + static_cast<std::size_t>(c) * tile_rows, sum[0][c]);
    _mm256_storeu_pd(sums + static_cast<std::size_t>(c) * tile_rows + 4, sum[1][c]);
  }
}

void narrow(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
            std::size_t digits, std::size_t count, std::uint64_t* sums) {
  while (digits > 0) {
    const std::size_t now = digits <= 5 ? digits : digits < 10 ? (digits + 1) / 2 : 5;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint32_t* w = weights + g * stride;
      switch (now) {
        case 1: narrow_tile<1>(w, x, x_stride, count, sums + 8 * g); break;
        case 2: narrow_tile<2>(w, x, x_stride, count, sums + 8 * g); break;
        case 3: narrow_tile<3>(w, x, x_stride, count, sums + 8 * g); break;
        case 4: narrow_tile<4>(w, x, x_stride, count, sums + 8 * g); break;
        default: narrow_tile<5>(w, x, x_stride, count, sums + 8 * g); break;
      }
    }
    x += now, sums += now * tile_rows, digits -= now;
  }
}

void wide(const std::uint64_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
          std::size_t digits, std::size_t count, std::uint64_t* low, std::uint64_t* high) {
  while (digits > 0) {
    const std::size_t now = digits <= 3 ? digits : digits < 6 ? (digits + 1) / 2 : 3;
    for (std::size_t half = 0; half < 2 * groups; ++half) {
      const std::uint64_t* w = weights + half / 2 * stride + 4 * (half % 2);
      switch (now) {
        case 1: wide_tile<1>(w, x, x_stride, count, low + 4 * half, high + 4 * half); break;
        case 2: wide_tile<2>(w, x, x_stride, count, low + 4 * half, high + 4 * half); break;
        default: wide_tile<3>(w, x, x_stride, count, low + 4 * half, high + 4 * half); break;
      }
    }
    x += now, low += now * tile_rows, high += now * tile_rows, digits -= now;
  }
}

template <class Word>
void radii(const Word* weights, std::size_t stride, std::size_t groups, const double* x, std::size_t columns, std::size_t count, double* sums) {
  for (std::size_t g = 0; g < groups; ++g)
    if (columns == 1) radii_tile<1>(weights + g * stride, x, count, sums + 8 * g);
    else radii_tile<4>(weights + g * stride, x, count, sums + 8 * g);
}

}  // namespace

const Kernels& avx2_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii<std::uint32_t>, radii<std::uint64_t>};
  return kernels;
}

}  // namespace snellen
#endif
