#include "lib/world/euclidean_heads.hpp"

#include "lib/number/upward.hpp"

namespace snellen {

Magnitude norm_of_rows(const Magnitudes& rows, std::size_t begin, std::size_t end) {
  Magnitude sum;
  for (std::size_t i = begin; i < end; ++i) sum += square(rows[i]);
  return root(sum);
}

HeadMoves head_moves(const EuclideanWorld::Block& x, std::size_t heads) {
  if (const auto* path = std::get_if<EuclideanWorld::Heads>(&x.path)) return {path->source, path->weight, path->gains, path->linear, path->rotated};
  const auto* path = std::get_if<EuclideanWorld::Mapped>(&x.path);
  if (!path) return {};
  const std::size_t size = x.rows() / heads, tokens = x.columns();
  const Magnitudes& rows = *path->rows;
  HeadMoves result{path->source, path->weight, std::vector<double>(tokens * heads), true};
  for (std::size_t h = 0; h < heads; ++h) {
    const double gain = upper_double(norm_of_rows(rows, h * size, (h + 1) * size));
    for (std::size_t c = 0; c < tokens; ++c) result.gains[c * heads + h] = gain;
  }
  return result;
}

Magnitude head_radius(const EuclideanWorld::Block& x, const HeadMoves& moves, std::size_t heads, std::size_t h, std::size_t c) {
  if (!moves.source) return x.radii[c];
  return least(x.radii[c], magnitude_of(moves.gains[c * heads + h]) * moves.source->moves[c]);
}

}  // namespace snellen
