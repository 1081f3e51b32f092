#include "proofs/checker/digit_kernels.hpp"

#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define SNELLEN_DIGIT_KERNELS_X86
#include <immintrin.h>
#endif

namespace snellen::check {
namespace {

constexpr std::size_t lanes = DigitKernel::lanes, streams = DigitKernel::streams;

#ifdef SNELLEN_DIGIT_KERNELS_X86
namespace avx512 {
typedef double Doubles __attribute__((vector_size(64), aligned(8), may_alias));
#define SNELLEN_TARGET __attribute__((target("avx512f")))
#define SNELLEN_MULTIPLY_ADD(w, x, sum) _mm512_fmadd_pd(_mm512_set1_pd(w), x, sum)
#include "proofs/checker/digit_kernels.inc"
#undef SNELLEN_TARGET
#undef SNELLEN_MULTIPLY_ADD
}  // namespace avx512

namespace avx2 {
typedef double Doubles __attribute__((vector_size(32), aligned(8), may_alias));
#define SNELLEN_TARGET __attribute__((target("avx2,fma")))
#define SNELLEN_MULTIPLY_ADD(w, x, sum) _mm256_fmadd_pd(_mm256_set1_pd(w), x, sum)
#include "proofs/checker/digit_kernels.inc"
#undef SNELLEN_TARGET
#undef SNELLEN_MULTIPLY_ADD
}  // namespace avx2
#endif

namespace plain {
typedef double Doubles __attribute__((vector_size(16), aligned(8), may_alias));
#define SNELLEN_TARGET
#define SNELLEN_MULTIPLY_ADD(w, x, sum) ((sum) + (w) * (x))
#include "proofs/checker/digit_kernels.inc"
#undef SNELLEN_TARGET
#undef SNELLEN_MULTIPLY_ADD
}  // namespace plain

std::vector<DigitKernel> runnable() {
  std::vector<DigitKernel> result;
#ifdef SNELLEN_DIGIT_KERNELS_X86
  if (__builtin_cpu_supports("avx512f")) result.push_back({"AVX-512", avx512::multiply});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) result.push_back({"AVX2", avx2::multiply});
#endif
  result.push_back({"portable", plain::multiply});
  return result;
}

}  // namespace

std::span<const DigitKernel> digit_kernels() {
  static const std::vector<DigitKernel> kernels = runnable();
  return kernels;
}

}  // namespace snellen::check
