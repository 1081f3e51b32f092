// The exact product by residues: the sums modulo many numbers of 22.5 bits, each one product of matrices of doubles that hold integers, and the Chinese
// remainder theorem at the end (residue_kernels.hpp and residue_system.hpp have the proofs). What a multiply-add costs does not depend on how the bits are shared
// between weights and block: with wide weights half as many products as there are pairs of slices of both.
//
// The integer S_ij = sum_k w_ik m_kj of exact_product.hpp is below 2^(sum_bits + fraction) (prepared_weights.hpp, fixed_point_block.hpp), which says how many
// moduli it takes. Both factors are cut down to residues, multiplied and reduced every `residue_terms` terms, so that rows may have any length.
//
// Memory beside the result, with n moduli: 64 columns of the block, 8 n bytes an entry; for each thread 96 rows.
#pragma once

#include "lib/number/exact_product/fixed_point_block.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"
#include "lib/number/exact_product/residue_kernels.hpp"

namespace snellen {

// False: some column asks for more moduli than there are.
bool residues_serve(const PreparedWeights& weights, const FixedPointBlock& x);

// The columns of y = W X that fit; weights.fits(), residues_serve(weights, x), and X has rows. The radii are summed by `radii`.
void residue_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const ResidueKernels& kernels, const Kernels& radii);

}  // namespace snellen
