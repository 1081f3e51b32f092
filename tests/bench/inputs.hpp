// Weights and blocks like a model's, from a seed.
#pragma once

#include <cstddef>

#include "lib/model/tensor.hpp"
#include "lib/number/ball_matrix.hpp"

namespace snellen {

enum class Stored { bf16, fp32 };

// Bell-shaped, as weights are.
TensorPtr random_weights(std::size_t rows, std::size_t columns, Stored stored);

// Midpoints of `bits` bits, radii of about their last one.
BallMatrix random_block(std::size_t rows, std::size_t columns, long bits);

}  // namespace snellen
