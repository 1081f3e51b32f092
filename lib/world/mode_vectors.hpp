// What is known of late tokens (late_response.hpp): vectors of turning modes times psi_k(j), in doubles, with their sizes. Mathematics: proofs/response.md.
#pragma once

#include <vector>

#include "lib/number/rounded_matrix.hpp"
#include "lib/world/late_bound.hpp"
#include "lib/world/turning_pairs.hpp"

namespace snellen {

// Vectors [count][size] of one function psi_k, complex; those of mode 0 are real. They are what they are: rounding is in the rest.
struct ModeVectors {
  std::size_t size = 0;
  std::vector<double> real, imag;
};

// What the known part may be at most, and how much it may move from token to token, in a 2-norm.
struct KnownSizes {
  Decay size;
  LateBound step;
};

ModeVectors zero_vectors(std::size_t count, std::size_t size);

// Of mode m: what turns, 2 Re(X e^(i t)), is at most this at any t (m > 0); |X| of mode 0. Sizes up to 2^12.
double most_of(const ModeVectors& x, std::size_t m);
// |X_m|_2.
double length_of(const ModeVectors& x, std::size_t m);
// Twice the sum of these, or more: modes and their opposites.
Magnitude total_length(const ModeVectors& x);

// y_m += (c + i s) A x (A real).
void add_image(ModeVectors& y, std::size_t m, const RoundedMatrix& a, const double* real, const double* imag, double c, double s);

// Of the sum of all: |psi_k(j) - psi_k(j-1)| <= (1 + 1/M) (k psi_(k-1)(j) + psi_k(j)) / j.
KnownSizes sizes_of(const std::vector<ModeVectors>& known, const TurningPairs& pairs, const Decays& decays);

}  // namespace snellen
