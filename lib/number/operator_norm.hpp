// Upper bounds on the 2-norms of matrices, by Gram matrices in doubles with their errors enclosed. Proofs: proofs/norms.md.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace snellen {

// A symmetric positive semidefinite G = A^T A [n, n], known to |G - entries|_F <= error.
struct Gram {
  std::size_t n = 0;
  std::vector<double> entries;  // row-major, symmetric
  double error = 0;
  double frobenius = 0;         // at least |A|_F
};

// Of the rows of a row-major matrix [n, length] (rows `stride` apart): G = A A^T.
Gram gram_of_rows(const double* matrix, std::size_t n, std::size_t length, std::size_t stride);
// Of its columns [length, n]: G = A^T A.
Gram gram_of_columns(const double* matrix, std::size_t length, std::size_t n, std::size_t stride);

// x^T G x <= (|L x|_2 + rest |x|_2)^2 for every x: a square root of G up to what rounding and a singular G cost.
struct SquareRoot {
  std::vector<double> rows;      // L [n, n], upper triangular
  double frobenius = 0;          // at least |L|_F
  double rest = 0;
};
SquareRoot square_root(const Gram& gram);

// At least |A B|_2 for A^T A = left, B B^T = right: |A B|_2^2 is the largest eigenvalue of left right, all of which are >= 0, so at most the 2^-k-th
// power of the trace of its 2^k-th power. With k = 5 at most n^(1/64) times too large, and rounding. Never more than |A|_F |B|_F.
double product_norm(const Gram& left, const Gram& right);

// At least |A|_2 of a row-major matrix [rows, columns]: the same of A^T times the identity.
double two_norm(std::span<const double> matrix, std::size_t rows, std::size_t columns);

}  // namespace snellen
