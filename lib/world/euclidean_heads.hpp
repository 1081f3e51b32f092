// How far the heads of a Euclidean block move: what queries, keys and values are known by. Mathematics: proofs/norms.md.
#pragma once

#include <memory>
#include <vector>

#include "lib/world/euclidean.hpp"

namespace snellen {

using Magnitudes = std::vector<Magnitude>;

inline Magnitude root(Magnitude x) { return mag_sqrt(x.get(), x.get()), x; }
inline Magnitude least(const Magnitude& x, const Magnitude& y) { return x < y ? x : y; }
inline Magnitude square(const Magnitude& x) { return x * x; }

// At least the 2-norm of whatever lies within the balls, rows [begin, end) of a column.
Magnitude norm_of(const BallMatrix& x, std::size_t begin, std::size_t end, std::size_t c);
// At least |rows [begin, end)|_F of a matrix whose rows have these 2-norms.
Magnitude norm_of_rows(const Magnitudes& rows, std::size_t begin, std::size_t end);

// What Mapped and Heads know of how one head moves; empty for others.
struct HeadMoves {
  std::shared_ptr<const EuclideanWorld::Source> source;
  TensorPtr weight;
  std::vector<double> gains;  // [tokens][heads]
  bool linear = false;
};
HeadMoves head_moves(const EuclideanWorld::Block& x, std::size_t heads);
// At least |y(t) - y(0)|_2 of head h in column c.
Magnitude head_radius(const EuclideanWorld::Block& x, const HeadMoves& moves, std::size_t heads, std::size_t h, std::size_t c);

}  // namespace snellen
