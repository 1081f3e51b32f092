// The inner loops of the exact product modulo many small numbers, in doubles that hold integers. Every path returns residues of the same integers.
//
// A residue of x modulo q is any integer r = x - n q with |r| <= residue_bound: it need not be the one nearest to zero.
//
//   reduction    n is x times a double next to 1/q, rounded to an integer. Both factors carry a relative error of at most 2^-52 and so does their
//                product, in any rounding mode; with |x| < 2^53 and q > 2^22 the product is within 2^31 2^-50 < 2^-18 of x/q, and n within 1 of that. So
//                |x - n q| <= q (1 + 2^-18) <= residue_bound for q <= most_modulus. n q is an integer of at most |x| + q < 2^53, so that n q and x - n q
//                are exact, fused or not.
//   products     a sum of `residue_terms` products of two residues and one more residue is below 2^53, and so is every partial sum: all of
//                them are integers that a double holds. So they are exact in any order, fused or not, in any rounding mode.
#pragma once

#include <cstddef>

namespace snellen {

inline constexpr double residue_bound = 5931008, most_modulus = residue_bound - 32, least_modulus = 0x1p22;
inline constexpr std::size_t residue_terms = 256;
static_assert(static_cast<double>(residue_terms) * residue_bound * residue_bound + 2 * residue_bound < 0x1p53);
static_assert(most_modulus * (1 + 0x1p-18) <= residue_bound);

struct Modulus {
  double value, inverse;  // inverse: 1 / value, to one rounding
};

// What is called a tile: `rows` consecutive doubles of a times `columns` of b, for each term.
struct ResidueKernels {
  std::size_t rows, columns;  // rows is a multiple of 4 and divides 96; columns is at most 8
  // sums[c * stride + r] = sum over k < count of a[k * rows + r] b[k * columns + c]. The caller knows that no partial sum reaches 2^53.
  void (*sums)(const double* a, const double* b, std::size_t count, double* sums, std::size_t stride);
  // The same modulo moduli[c * step]: sums[c * stride + r], where `add` together with the residues that are there.
  void (*residues)(const double* a, const double* b, std::size_t count, const Modulus* moduli, std::size_t step, bool add, double* sums, std::size_t stride);
  // y[i] = residue of x[i], |x[i]| < 2^53; count is a multiple of rows. y may be x.
  void (*reduce)(const double* x, std::size_t count, Modulus modulus, double* y);
  // First step of the Chinese remainder theorem, for one column of a tile: residues[p * rows + r], p < count, are those of an integer S_r modulo the
  // p-th modulus q_p. They become c_p, residues of themselves times inverses[p] (|inverses[p]| <= q_p), and residues[count * rows + r] becomes
  // -floor(sum_p c_p / q_p + 1/2), the sum with an error below count^2 2^-48.
  void (*recombine)(double* residues, std::size_t count, const Modulus* moduli, const double* inverses);
};

const ResidueKernels& portable_residue_kernels();
// The CPU must have what the name says.
const ResidueKernels& avx2_residue_kernels();    // and FMA
const ResidueKernels& avx512_residue_kernels();  // F

}  // namespace snellen
