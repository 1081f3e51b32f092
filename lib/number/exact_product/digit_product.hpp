// The exact product by sums of digits in 64-bit lanes.
#pragma once

#include "lib/number/exact_product/fixed_point_block.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

// The columns of y = W X that fit; weights.fits(). exact_product.hpp has the proof.
void digit_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const Kernels& kernels);

}  // namespace snellen
