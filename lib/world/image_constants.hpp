// The model's real constants as ranges of doubles: what engines round in their own ways.
#pragma once

#include <cstdint>

#include "lib/model/model.hpp"
#include "lib/world/image_arithmetic.hpp"

namespace snellen {

// Contain the real constants, and the doubles that libraries make of them (within 2^-50 of them).
Range real_root(const Root& root);
Range real_root_of_two_over_pi();
Range real_slope(const Slope& slope);

// cos and sin of position * base^(-numerator/denominator) (1 + e) for every |e| <= angle_error.
struct RealTurn {
  Range cos, sin;
};
RealTurn real_turn(std::int64_t position, double base, std::int64_t numerator, std::int64_t denominator, double angle_error);

// Of two formats the one with more bits.
inline const ImageArithmetic& wider(const ImageArithmetic& a, const ImageArithmetic& b) { return a.format().precision >= b.format().precision ? a : b; }

}  // namespace snellen
