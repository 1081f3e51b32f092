// How much a norm stretches: the 2-norm of the derivative of x / sqrt(mean(x^2) + epsilon), from above. Proof: proofs/norms.md, "Norms".
#pragma once

#include <span>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

// |weights| of a norm, or of 1 + weights, rounded to nearest; empty: ones.
std::vector<double> norm_weights(const Norm& n);
// At least the largest exact one of them.
Magnitude largest_norm_weight(std::span<const double> weights);

// At least 1 / sqrt(mean(x^2) + epsilon) (x centred for a layer norm) for every x within `radius` of a point of rows [begin, end) of a column: the norm of the
// derivative of the normalised vector, before its weights.
Magnitude norm_slope(const Norm& n, const BallMatrix& x, std::size_t begin, std::size_t end, std::size_t c, const Magnitude& radius);

}  // namespace snellen
