// Bytes by AVX-512 VNNI: vpdpbusd adds four products of an unsigned and a signed byte to each of 16 sums. The vector's digits b come as b + 128, and each row's sum begins
// at -128 times the sum of its weights' digits: sums in between wrap, the last ones are within 32 bits.
#include "lib/number/exact_product/byte_kernel.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

namespace snellen {
namespace {

#define SNELLEN_TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))

constexpr std::size_t granule = 4, most_at_once = 24;  // places whose sums stay in registers beside the weights
constexpr int unroll = 32;                              // more than any loop below has turns

// `places` places at a time, of weights of `digits` digits. A vector's digit is loaded once for all of them.
template <int digits, int places>
SNELLEN_TARGET void sums_of_places(const std::int8_t* weights, std::size_t chunks, const std::uint8_t* vector, std::size_t stride, const std::int32_t* start, std::int32_t* sums) {
  __m512i sum[places];
  const __m512i first = _mm512_mullo_epi32(_mm512_loadu_si512(start), _mm512_set1_epi32(-128));
#pragma GCC unroll unroll
  for (int p = 0; p < places; ++p) sum[p] = first;
  vector += (byte_margin - (digits - 1)) * byte_terms;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk, vector += stride)
    for (std::size_t k = 0; k < byte_terms / 4; ++k) {
      __m512i w[digits];
#pragma GCC unroll unroll
      for (int a = 0; a < digits; ++a) w[a] = _mm512_loadu_si512(weights + ((chunk * digits + static_cast<std::size_t>(a)) * (byte_terms / 4) + k) * 64);
#pragma GCC unroll unroll
      for (int q = 0; q < places + digits - 1; ++q) {  // the vector's digit of place q - (digits - 1)
        std::int32_t four;
        std::memcpy(&four, vector + static_cast<std::size_t>(q) * byte_terms + 4 * k, sizeof four);
        const __m512i digit = _mm512_set1_epi32(four);
#pragma GCC unroll unroll
        for (int a = 0; a < digits; ++a) {
          const int p = q - (digits - 1) + a;
          if (p >= 0 && p < places) sum[p] = _mm512_dpbusd_epi32(sum[p], digit, w[a]);
        }
      }
    }
#pragma GCC unroll unroll
  for (int p = 0; p < places; ++p) _mm512_storeu_si512(sums + static_cast<std::size_t>(p) * byte_rows, sum[p]);
}

template <int digits>
void sums_of_digits(const ByteWeights& weights, std::size_t block, const std::uint8_t* vector, std::size_t places, std::size_t wanted, std::int32_t* sums) {
  const std::size_t stride = (places + byte_margin) * byte_terms;
  // Passes of nearly the same length: short ones wait for their sums.
  for (std::size_t p = 0, passes = (wanted + most_at_once - 1) / most_at_once; p < wanted; --passes) {
    const std::size_t now = ((wanted - p) / granule + passes - 1) / passes * granule;
    const auto run = [&](auto* kernel) {
      kernel(weights.block(block), weights.chunks(), vector + p * byte_terms, stride, weights.sums(block), sums + p * byte_rows);
    };
    switch (now) {
      case 4: run(sums_of_places<digits, 4>); break;
      case 8: run(sums_of_places<digits, 8>); break;
      case 12: run(sums_of_places<digits, 12>); break;
      case 16: run(sums_of_places<digits, 16>); break;
      case 20: run(sums_of_places<digits, 20>); break;
      default: run(sums_of_places<digits, 24>); break;
    }
    p += now;
  }
}

void vnni_sums(const ByteWeights& weights, std::size_t block, const std::uint8_t* vector, std::size_t places, std::size_t wanted, std::int32_t* sums) {
  switch (weights.digits()) {
    case 1: return sums_of_digits<1>(weights, block, vector, places, wanted, sums);
    case 2: return sums_of_digits<2>(weights, block, vector, places, wanted, sums);
    case 3: return sums_of_digits<3>(weights, block, vector, places, wanted, sums);
    default: return sums_of_digits<4>(weights, block, vector, places, wanted, sums);
  }
}

void nothing() {}

}  // namespace

bool byte_vnni_available() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"); }
const ByteKernels& vnni_byte_kernels() {
  static constexpr ByteKernels kernels{128, granule, vnni_sums, nothing, nothing};
  return kernels;
}

}  // namespace snellen

#else

bool snellen::byte_vnni_available() { return false; }
const snellen::ByteKernels& snellen::vnni_byte_kernels() { return portable_byte_kernels(); }

#endif
