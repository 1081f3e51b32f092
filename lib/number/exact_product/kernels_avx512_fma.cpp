// AVX-512 without IFMA: the halves of a product of 52-bit integers by two fused multiplications of doubles, rounded towards zero by the instruction itself. With c = 2^104,
//   fma(x, y, c) = c + floor(x y / 2^52) 2^52,     x y - floor(x y / 2^52) 2^52 + 2^52 = fma(x, y, c + 2^52 - fma(x, y, c)) exactly,
// so that the significands of both are the halves: between 2^104 and 2^105 a double's last bit is 2^52, between 2^52 and 2^53 it is 1. Their exponents, the same for all,
// are taken off the sums beforehand (modulo 2^64). Overflow and underflow are far away, and the difference is exact in every rounding mode.
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/long_kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#define SNELLEN_TARGET __attribute__((target("avx512f,avx512dq,avx512vl")))

namespace snellen {
namespace {

constexpr std::uint64_t lower_exponent = std::uint64_t{1023 + 52} << 52, upper_exponent = std::uint64_t{1023 + 104} << 52;
constexpr int towards_zero = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;

using Factor = __m512d;  // eight integers below 2^52
SNELLEN_TARGET inline Factor factor(__m512i integers) {
  return _mm512_sub_pd(_mm512_castsi512_pd(_mm512_or_si512(integers, _mm512_set1_epi64(static_cast<long long>(lower_exponent)))), _mm512_set1_pd(0x1p52));
}
// What a sum of `count` of the halves that follow begins with.
SNELLEN_TARGET inline __m512i lower_start(std::size_t count) { return _mm512_set1_epi64(static_cast<long long>(-lower_exponent * count)); }
SNELLEN_TARGET inline __m512i upper_start(std::size_t count) { return _mm512_set1_epi64(static_cast<long long>(-upper_exponent * count)); }
SNELLEN_TARGET inline void add_halves(__m512i& lower, __m512i& upper, Factor x, Factor y) {
  const __m512d high = _mm512_fmadd_round_pd(x, y, _mm512_set1_pd(0x1p104), towards_zero);
  const __m512d low = _mm512_fmadd_round_pd(x, y, _mm512_sub_pd(_mm512_set1_pd(0x1p104 + 0x1p52), high), towards_zero);
  lower = _mm512_add_epi64(lower, _mm512_castpd_si512(low));
  upper = _mm512_add_epi64(upper, _mm512_castpd_si512(high));
}
// sum + x y, for integers below 2^32.
SNELLEN_TARGET inline __m512i add_product(__m512i sum, __m512i x, __m512i y) { return _mm512_add_epi64(sum, _mm512_maskz_mul_epu32(0xff, x, y)); }

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/kernels_avx512.inc"
#include "lib/number/exact_product/long_kernels_avx512.inc"

const snellen::Kernels& snellen::avx512_fma_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii_by_pairs<std::uint32_t>, radii_by_pairs<std::uint64_t>};
  return kernels;
}
const snellen::LongKernels& snellen::avx512_fma_long_kernels() {
  static constexpr LongKernels kernels{products, fractions};
  return kernels;
}
#endif
