// SSE2, which every x86-64 CPU has: pmuludq multiplies the lower 32 bits of two 64-bit lanes.
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

#if defined(__x86_64__)
#include <emmintrin.h>

#define SNELLEN_TARGET

namespace snellen {
namespace {

using Vector = __m128i;
constexpr std::size_t lanes = 2;
inline Vector load(const std::uint32_t* p) {
  return _mm_unpacklo_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
}
inline Vector load(const std::uint64_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline void store(std::uint64_t* p, Vector v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
inline Vector zero() { return _mm_setzero_si128(); }
// Twice in each lane: `times` takes the lower half.
inline Vector all(std::uint32_t word) { return _mm_set1_epi32(static_cast<int>(word)); }
inline Vector all(std::uint64_t word) { return _mm_set1_epi64x(static_cast<long long>(word)); }
inline Vector add(Vector a, Vector b) { return _mm_add_epi64(a, b); }
inline Vector times(Vector a, Vector b) { return _mm_mul_epu32(a, b); }
inline Vector both(Vector a, Vector b) { return _mm_and_si128(a, b); }
template <int n>
inline Vector left(Vector v) { return _mm_slli_epi64(v, n); }
template <int n>
inline Vector right(Vector v) { return _mm_srli_epi64(v, n); }

using Floats = __m128;
constexpr std::size_t float_lanes = 4;
inline Floats no_floats() { return _mm_setzero_ps(); }
inline Floats all_floats(float value) { return _mm_set1_ps(value); }
inline Floats add_floats(Floats a, Floats b) { return _mm_add_ps(a, b); }
inline Floats times_floats(Floats a, Floats b) { return _mm_mul_ps(a, b); }
inline void store_floats(float* p, Floats v) { _mm_storeu_ps(p, v); }
inline Floats magnitudes(const std::uint32_t* p) {
  const __m128i stored = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm_andnot_ps(_mm_set1_ps(-0.0f), _mm_cvtepi32_ps(_mm_sub_epi32(stored, _mm_set1_epi32(1 << 23))));
}
// The stored w + 2^50 as the significand of a double in [2^52, 2^53), less 2^52 + 2^50, without the sign: exact.
inline __m128 magnitudes_of_two(const std::uint64_t* p) {
  const __m128d above = _mm_castsi128_pd(_mm_or_si128(load(p), _mm_set1_epi64x(0x4330000000000000)));
  return _mm_cvtpd_ps(_mm_andnot_pd(_mm_set1_pd(-0.0), _mm_sub_pd(above, _mm_set1_pd(0x1p52 + 0x1p50))));
}
inline Floats magnitudes(const std::uint64_t* p) { return _mm_movelh_ps(magnitudes_of_two(p), magnitudes_of_two(p + 2)); }

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/kernels_radii.inc"
#include "lib/number/exact_product/kernels_vector.inc"

const snellen::Kernels& snellen::sse2_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii<std::uint32_t>, radii<std::uint64_t>};
  return kernels;
}
#endif
