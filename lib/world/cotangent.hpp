// Derivatives on their way back: for some scalar functions ("directions") of the decoder's output, d function / d column of a block.
//
// Most columns have none: what lies after the token that a direction looks at cannot matter, and the last layer's other tokens do not either. Only the columns that
// may matter are held, so that no work is done for the others; what is not held is exactly zero.
#pragma once

#include <compare>
#include <cstddef>
#include <span>
#include <vector>

#include "lib/number/ball_matrix.hpp"

namespace snellen {

struct Slot {
  std::size_t direction = 0, column = 0;
  auto operator<=>(const Slot&) const = default;
};

struct Cotangents {
  std::vector<Slot> slots;  // ascending, each once
  BallMatrix values;        // [width of the block, slots]

  std::size_t size() const { return slots.size(); }
  // Where a direction's slots begin and end, direction after direction.
  std::vector<std::pair<std::size_t, std::size_t>> groups() const;
};

// a + b: cotangents of a block that was used twice. Either may be empty (no slot).
Cotangents add(const Cotangents& a, Cotangents b, long bits);

// Cuts off what midpoints hold far below their radii, with the cut in the radius: these bits would only cost time.
void trim(BallMatrix& x, long bits);

}  // namespace snellen
