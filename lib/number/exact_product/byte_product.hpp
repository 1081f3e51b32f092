// The exact product by sums of bytes (byte_kernel.hpp).
#pragma once

#include "lib/number/exact_product/fixed_point_block.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

struct ByteKernels;

// The columns of y = W X that fit; ByteWeights::serves(weights). `kernels` are for the radii.
void byte_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const ByteKernels& bytes, const Kernels& kernels);

}  // namespace snellen
