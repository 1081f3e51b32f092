// AVX-512 IFMA: vpmadd52luq and vpmadd52huq add the lower and the upper 52 bits of a product of 52-bit integers to 64-bit lanes.
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/long_kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#define SNELLEN_TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512ifma")))

namespace snellen {
namespace {

using Factor = __m512i;  // eight integers below 2^52
SNELLEN_TARGET inline Factor factor(__m512i integers) { return integers; }
// What a sum of `count` of the halves that follow begins with.
SNELLEN_TARGET inline __m512i lower_start(std::size_t) { return _mm512_setzero_si512(); }
SNELLEN_TARGET inline __m512i upper_start(std::size_t) { return _mm512_setzero_si512(); }
SNELLEN_TARGET inline void add_halves(__m512i& lower, __m512i& upper, Factor x, Factor y) {
  lower = _mm512_madd52lo_epu64(lower, x, y);
  upper = _mm512_madd52hi_epu64(upper, x, y);
}
// sum + x y, for a product below 2^52.
SNELLEN_TARGET inline __m512i add_product(__m512i sum, __m512i x, __m512i y) { return _mm512_madd52lo_epu64(sum, x, y); }

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/kernels_avx512.inc"
#include "lib/number/exact_product/long_kernels_avx512.inc"

const snellen::Kernels& snellen::avx512_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii_by_pairs<std::uint32_t>, radii_by_pairs<std::uint64_t>};
  return kernels;
}
const snellen::LongKernels& snellen::avx512_long_kernels() {
  static constexpr LongKernels kernels{products, fractions};
  return kernels;
}
#endif
