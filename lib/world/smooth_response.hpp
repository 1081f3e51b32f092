// The smooth parts of a layer near a limit: value, derivative, and how fast the derivative changes, in 2-norms. Mathematics: proofs/response.md, "Smooth parts".
#pragma once

#include <optional>

#include "lib/model/model.hpp"
#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

// f near r, for every x with |x - r|_2 <= a radius. With D the derivative at r
//   |Df(x) - D|_2 <= curvature |x - r|_2,   so   |f(x) - f(r) - D (x - r)| <= curvature/2 |x - r|^2   and   |f(x) - f(x') - D (x - x')| <= curvature max(|x - r|, |x' - r|) |x - x'|.
struct SmoothResponse {
  BallMatrix value;       // f(r) [rows, 1]
  BallMatrix derivative;  // D
  Magnitude slope;        // at least |Df(x)|_2
  Magnitude curvature;
};

// A norm with its weights; the identity where there is none.
SmoothResponse norm_response(const std::optional<Norm>& norm, const BallMatrix& r, const Magnitude& radius, const BallWorld& balls);

// x + MLP(norm(x)), or x where the layer has no MLP. (No slope is given; branch norms are not read.)
SmoothResponse mlp_response(const Layer& layer, const BallMatrix& r, const Magnitude& radius, const BallWorld& balls);

// The matrix of a linear map.
BallMatrix matrix_of(const Linear& map);
BallMatrix product_of(const BallMatrix& a, const BallMatrix& b, long bits);

}  // namespace snellen
