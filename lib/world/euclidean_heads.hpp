// How far the heads of a Euclidean block move: what queries, keys and values are known by. Mathematics: proofs/norms.md.
#pragma once

#include <memory>
#include <vector>

#include "lib/number/magnitude_functions.hpp"
#include "lib/world/euclidean.hpp"

namespace snellen {

using Magnitudes = std::vector<Magnitude>;

// At least |rows [begin, end)|_F of a matrix whose rows have these 2-norms.
Magnitude norm_of_rows(const Magnitudes& rows, std::size_t begin, std::size_t end);

// What Mapped and Heads know of how one head moves; empty for others.
struct HeadMoves {
  std::shared_ptr<const EuclideanWorld::Source> source;
  TensorPtr weight;
  std::vector<double> gains;  // [tokens][heads]
  bool linear = false, rotated = false;
};
HeadMoves head_moves(const EuclideanWorld::Block& x, std::size_t heads);
// At least |y(t) - y(0)|_2 of head h in column c.
Magnitude head_radius(const EuclideanWorld::Block& x, const HeadMoves& moves, std::size_t heads, std::size_t h, std::size_t c);

}  // namespace snellen
