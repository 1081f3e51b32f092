// Certified norms of a matrix of balls. Mathematics: proofs/sensitivity.md, "Norms of a matrix".
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/enclosure.hpp"

namespace snellen {

// Each encloses the norm of every matrix whose entries lie in the balls:
//   frobenius = sqrt(sum a_ij^2),   one = max_j sum_i |a_ij|,   inf = max_i sum_j |a_ij|,   two = the largest singular value.
// `two` comes from G = A^T A or A A^T, whichever is smaller, n x n: |A|_2^2 is the largest eigenvalue of G, which lies between |G^N|_F^(1/N) n^(-1/(2N)) and |G^N|_F^(1/N);
// here N = 64, so that its ends are n^(1/256) apart (1.02 for n = 64); from above also by sqrt(one inf), from below by |A v| / |v| for a v from the power method.
struct MatrixNorms {
  Enclosure frobenius, one, inf, two;
};
MatrixNorms matrix_norms(const BallMatrix& a, long bits);

}  // namespace snellen
