// AVX-512 F: vectors of eight doubles.
#include "lib/number/exact_product/residue_kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define SNELLEN_TARGET __attribute__((target("avx512f")))

namespace snellen {
namespace {

typedef __m512d Doubles;
typedef double Loose __attribute__((vector_size(64), aligned(8), may_alias));
constexpr std::size_t tile_vectors = 3, tile_columns = 8;
SNELLEN_TARGET inline Doubles all(double value) { return _mm512_set1_pd(value); }
SNELLEN_TARGET inline Doubles add_product(Doubles sum, Doubles a, Doubles b) { return _mm512_fmadd_pd(a, b, sum); }

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/residue_kernels.inc"

const snellen::ResidueKernels& snellen::avx512_residue_kernels() { return residue_kernels; }
#endif
