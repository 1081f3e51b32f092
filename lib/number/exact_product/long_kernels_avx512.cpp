// AVX-512 IFMA: tiles of up to 4 x 4 digits, the lower and the upper halves of the products in sums of their own.
#include "lib/number/exact_product/long_kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SNELLEN_TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512ifma")))

namespace snellen {
namespace {

constexpr std::size_t tile = 4;

template <int A, int B>
SNELLEN_TARGET void digits_tile(const std::uint64_t* a, std::size_t a_step, const std::uint64_t* b, std::size_t b_step, std::size_t count,
                                std::uint64_t* sums) {
  __m512i lower[A + B - 1], upper[A + B - 1];
#pragma GCC unroll 7
  for (int d = 0; d < A + B - 1; ++d) lower[d] = upper[d] = _mm512_setzero_si512();
  for (std::size_t k = 0; k < count; ++k) {
    __m512i digits[A];
#pragma GCC unroll 4
    for (int i = 0; i < A; ++i) digits[i] = _mm512_loadu_si512(a + k * a_step + static_cast<std::size_t>(i) * long_lanes);
#pragma GCC unroll 4
    for (int j = 0; j < B; ++j) {
      const __m512i digit = _mm512_set1_epi64(static_cast<long long>(b[k * b_step + static_cast<std::size_t>(j)]));
#pragma GCC unroll 4
      for (int i = 0; i < A; ++i) {
        lower[i + j] = _mm512_madd52lo_epu64(lower[i + j], digits[i], digit);
        upper[i + j] = _mm512_madd52hi_epu64(upper[i + j], digits[i], digit);
      }
    }
  }
#pragma GCC unroll 7
  for (int d = 0; d < A + B - 1; ++d) {
    std::uint64_t* sum = sums + static_cast<std::size_t>(d) * long_lanes;
    _mm512_storeu_si512(sum, _mm512_add_epi64(_mm512_loadu_si512(sum), lower[d]));
    _mm512_storeu_si512(sum + long_lanes, _mm512_add_epi64(_mm512_loadu_si512(sum + long_lanes), upper[d]));
  }
}

template <int A>
void digits_row(const std::uint64_t* a, std::size_t a_step, const std::uint64_t* b, std::size_t b_digits, std::size_t count, std::uint64_t* sums) {
  for (std::size_t j = 0; j < b_digits; j += tile) {
    std::uint64_t* sum = sums + j * long_lanes;
    switch (b_digits - j) {
      case 1: digits_tile<A, 1>(a, a_step, b + j, b_digits, count, sum); break;
      case 2: digits_tile<A, 2>(a, a_step, b + j, b_digits, count, sum); break;
      case 3: digits_tile<A, 3>(a, a_step, b + j, b_digits, count, sum); break;
      default: digits_tile<A, 4>(a, a_step, b + j, b_digits, count, sum); break;
    }
  }
}

}  // namespace

void long_products_avx512(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t count,
                          std::uint64_t* sums) {
  const std::size_t step = a_digits * long_lanes;
  for (std::size_t i = 0; i < a_digits; i += tile) {
    const std::uint64_t* part = a + i * long_lanes;
    std::uint64_t* sum = sums + i * long_lanes;
    switch (a_digits - i) {
      case 1: digits_row<1>(part, step, b, b_digits, count, sum); break;
      case 2: digits_row<2>(part, step, b, b_digits, count, sum); break;
      case 3: digits_row<3>(part, step, b, b_digits, count, sum); break;
      default: digits_row<4>(part, step, b, b_digits, count, sum); break;
    }
  }
}

SNELLEN_TARGET void multiply_fractions_avx512(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits,
                                              std::size_t out_digits, std::uint64_t* result) {
  const std::size_t all = a_digits + b_digits, first = all - out_digits;
  const __m512i mask = _mm512_set1_epi64((1LL << long_digit_bits) - 1);
  __m512i below = _mm512_setzero_si512();  // what the digits below have left: upper halves and carries
  for (std::size_t s = first < 2 ? 0 : first - 2; s < all; ++s) {
    __m512i lower = _mm512_setzero_si512(), upper = _mm512_setzero_si512();
    for (std::size_t i = s < b_digits ? 0 : s - b_digits + 1; i < a_digits && i <= s; ++i) {
      const __m512i x = _mm512_loadu_si512(a + i * long_lanes), y = _mm512_loadu_si512(b + (s - i) * long_lanes);
      lower = _mm512_madd52lo_epu64(lower, x, y);
      upper = _mm512_madd52hi_epu64(upper, x, y);
    }
    lower = _mm512_add_epi64(lower, below);
    if (s >= first) _mm512_storeu_si512(result + (s - first) * long_lanes, _mm512_and_epi64(lower, mask));
    below = _mm512_add_epi64(upper, _mm512_maskz_srli_epi64(0xff, lower, long_digit_bits));
  }
}

}  // namespace snellen
#endif
