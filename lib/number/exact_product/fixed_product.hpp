// Y = W X for an exact weight matrix W [out, in] and vectors X in fixed point: the digits go straight into the kernels of the exact product, and its sums straight
// into digits.
//
// Column c of X: |x - m 2^unit|_2 <= error. Its integers are cut off (downwards) to n digits of B = 28 or 52 bits (narrow or wide weights), m = 2^cut m' + rest, 0 <= rest <
// 2^cut, where |m'| < 2^(B n - 1): no fewer digits than `bits` bits below the largest entry need. Then with w_ik 2^(scale_i) = W_ik
//
//   sum_k w_ik m'_k = sum_d B^d ( sum_k w'_ik m''_kd - 2^(b-1) sum_k m''_kd ) - 2^(B n - 1) sum_k w_ik       (exact_product.hpp; m'' = m' + 2^(B n - 1), w' = w + 2^(b-1))
//
// exactly, and this integer in units of 2^(unit + cut + scale_i) is cut off (downwards) to the unit of Y's column. Hence
//
//   |W x - y|_2 <= |W|_F (error + sqrt(in) 2^(unit + cut)) + sqrt(out) 2^(Y's unit),          the middle term only where cut > 0.
//
// Y's top is that of max_i |W_i|_2 |m 2^unit|_2 (Cauchy and Schwarz), so that no entry can leave it.
#pragma once

#include <optional>
#include <span>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/fixed_columns.hpp"

namespace snellen {

// row_norms[i] >= |W_i|_2. Nothing where this form does not serve: weights that do not fit or have a tail, exponents out of range. A path by bytes
// (byte_kernel.hpp) serves narrow weights, one by residues none: the best by digits does then. The same m', the same integers, the same bits.                     -> [out, columns]
std::optional<FixedColumns> fixed_product(const PreparedWeights& weights, std::span<const Magnitude> row_norms, const FixedColumns& x, long bits,
                                          ProductPath path = best_byte_path());

}  // namespace snellen
