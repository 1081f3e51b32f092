#include "lib/world/norm_kernels.hpp"

#include <algorithm>
#include <vector>

namespace snellen {
namespace {

constexpr std::size_t tile = NormKernels::tile, chunk = NormKernels::chunk, block = NormKernels::block;

#if defined(__x86_64__) && defined(__GNUC__)
#define SNELLEN_NORM_KERNELS_X86
#define SNELLEN_TARGET __attribute__((target("avx512f")))
#define SNELLEN_LANE_BYTES 64
namespace avx512 {
#include "lib/world/norm_kernels.inc"
}
#undef SNELLEN_TARGET
#undef SNELLEN_LANE_BYTES

#define SNELLEN_TARGET __attribute__((target("avx2")))
#define SNELLEN_LANE_BYTES 32
namespace avx2 {
#include "lib/world/norm_kernels.inc"
}
#undef SNELLEN_TARGET
#undef SNELLEN_LANE_BYTES
#endif

#define SNELLEN_TARGET
#define SNELLEN_LANE_BYTES 16
namespace plain {
#include "lib/world/norm_kernels.inc"
}

std::vector<NormKernels> runnable() {
  std::vector<NormKernels> result;
#ifdef SNELLEN_NORM_KERNELS_X86
  if (__builtin_cpu_supports("avx512f")) result.push_back({"AVX-512", avx512::float_tile, avx512::add_forms, avx512::add_products, avx512::add_outers});
  if (__builtin_cpu_supports("avx2")) result.push_back({"AVX2", avx2::float_tile, avx2::add_forms, avx2::add_products, avx2::add_outers});
#endif
  result.push_back({"portable", plain::float_tile, plain::add_forms, plain::add_products, plain::add_outers});
  return result;
}

}  // namespace

std::span<const NormKernels> available_norm_kernels() {
  static const std::vector<NormKernels> kernels = runnable();
  return kernels;
}

}  // namespace snellen
