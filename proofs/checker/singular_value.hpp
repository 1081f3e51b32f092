// The largest singular value of a matrix of a few long rows, from above.
#pragma once

#include <span>

#include "proofs/checker/taylor.hpp"

namespace snellen::check {

// At least |A|_F, the root of the sum of all squares; infinite where an entry exceeds 2^100.
Upper frobenius_norm(std::span<const double> entries);

// At least |A|_2, and no more than frobenius_norm(A): lambda I - A A^T is positive definite, as all pivots of its elimination in intervals are positive, so that |A|_2^2 < lambda. Which lambda is tried is
// guessed in doubles. The entries of A A^T are sums of `columns` products in doubles, in any order within columns 2^-53 / (1 - columns 2^-53) times the product of the rows' lengths (Higham 2002, section 3.1).
Upper spectral_norm(std::span<const double> entries, std::size_t rows);

}  // namespace snellen::check
