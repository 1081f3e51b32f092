// Plain C++ for any CPU that has doubles: vectors of two, which are SSE2's and NEON's.
#include "lib/number/exact_product/residue_kernels.hpp"

#define SNELLEN_TARGET

namespace snellen {
namespace {

typedef double Doubles __attribute__((vector_size(16)));
typedef double Loose __attribute__((vector_size(16), aligned(8), may_alias));
constexpr std::size_t tile_vectors = 4, tile_columns = 2;
inline Doubles all(double value) { return Doubles{value, value}; }
inline Doubles add_product(Doubles sum, Doubles a, Doubles b) { return sum + a * b; }

}  // namespace
}  // namespace snellen

#include "lib/number/exact_product/residue_kernels.inc"

const snellen::ResidueKernels& snellen::portable_residue_kernels() { return residue_kernels; }
