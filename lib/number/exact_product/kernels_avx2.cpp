// AVX2: vpmuludq multiplies the lower 32 bits of four 64-bit lanes.
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SNELLEN_TARGET __attribute__((target("avx2")))

namespace snellen {
namespace {

using Vector = __m256i;
constexpr std::size_t lanes = 4;
SNELLEN_TARGET inline Vector load(const std::uint32_t* p) {
  return _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
SNELLEN_TARGET inline Vector load(const std::uint64_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
SNELLEN_TARGET inline void store(std::uint64_t* p, Vector v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
SNELLEN_TARGET inline Vector zero() { return _mm256_setzero_si256(); }
// Twice in each lane: `times` takes the lower half.
SNELLEN_TARGET inline Vector all(std::uint32_t word) { return _mm256_set1_epi32(static_cast<int>(word)); }
SNELLEN_TARGET inline Vector all(std::uint64_t word) { return _mm256_set1_epi64x(static_cast<long long>(word)); }
SNELLEN_TARGET inline Vector add(Vector a, Vector b) { return _mm256_add_epi64(a, b); }
SNELLEN_TARGET inline Vector times(Vector a, Vector b) { return _mm256_mul_epu32(a, b); }
SNELLEN_TARGET inline Vector both(Vector a, Vector b) { return _mm256_and_si256(a, b); }
template <int n>
SNELLEN_TARGET inline Vector left(Vector v) { return _mm256_slli_epi64(v, n); }
template <int n>
SNELLEN_TARGET inline Vector right(Vector v) { return _mm256_srli_epi64(v, n); }

using Floats = __m256;
constexpr std::size_t float_lanes = 8;
SNELLEN_TARGET inline Floats no_floats() { return _mm256_setzero_ps(); }
SNELLEN_TARGET inline Floats all_floats(float value) { return _mm256_set1_ps(value); }
SNELLEN_TARGET inline Floats add_floats(Floats a, Floats b) { return _mm256_add_ps(a, b); }
SNELLEN_TARGET inline Floats times_floats(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
SNELLEN_TARGET inline void store_floats(float* p, Floats v) { _mm256_storeu_ps(p, v); }
SNELLEN_TARGET inline Floats magnitudes(const std::uint32_t* p) {
  const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_cvtepi32_ps(_mm256_abs_epi32(_mm256_sub_epi32(stored, _mm256_set1_epi32(1 << 23))));
}
// The stored w + 2^50 as the significand of a double in [2^52, 2^53), less 2^52 + 2^50, without the sign: exact.
SNELLEN_TARGET inline __m128 magnitudes_of_four(const std::uint64_t* p) {
  const __m256d above = _mm256_castsi256_pd(_mm256_or_si256(load(p), _mm256_set1_epi64x(0x4330000000000000)));
  return _mm256_cvtpd_ps(_mm256_andnot_pd(_mm256_set1_pd(-0.0), _mm256_sub_pd(above, _mm256_set1_pd(0x1p52 + 0x1p50))));
}
SNELLEN_TARGET inline Floats magnitudes(const std::uint64_t* p) {
  return _mm256_set_m128(magnitudes_of_four(p + 4), magnitudes_of_four(p));
}

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/kernels_radii.inc"
#include "lib/number/exact_product/kernels_vector.inc"

const snellen::Kernels& snellen::avx2_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii<std::uint32_t>, radii<std::uint64_t>};
  return kernels;
}
#endif
