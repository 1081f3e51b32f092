#include "lib/world/rounded_euclidean.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/operator_norm.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/euclidean_heads.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

struct TwoNorm {
  double value;
  std::size_t bytes() const { return sizeof *this; }
};

// At least |W|_2; infinite unless all entries are moderate.
double two_norm_of(const Tensor& matrix) {
  return matrix.derived()
      .get<TwoNorm>([](const TwoNorm&) { return true; },
                    [&] {
                      const std::vector<double> entries = read_all(matrix);
                      return TwoNorm{are_moderate(entries) ? two_norm(entries, matrix.rows(), matrix.columns()) : infinite_bound};
                    })
      ->value;
}

}  // namespace

EuclideanWorld::Block RoundedEuclideanWorld::linear(const Linear& map, const Block& x) const {
  Block y = EuclideanWorld::linear(map, x);
  if (!std::holds_alternative<Plain>(x.path)) return y;
  const Magnitude norm = magnitude_of(two_norm_of(*map.weight));
  for (std::size_t c = 0; c < y.radii.size(); ++c) y.radii[c] = least(y.radii[c], norm * x.radii[c]);
  return y;
}

EuclideanWorld::Block RoundedEuclideanWorld::attend(const Attention& a, const Block& given_q, const Block& given_k, const Block& given_v, std::span<const Column> columns, Memory& memory) const {
  Block room_q, room_k, room_v;
  const Block &q = in_balls(given_q, room_q), &k = in_balls(given_k, room_k), &v = in_balls(given_v, room_v);
  if (a.window || a.softcap || !a.alibi.empty()) throw std::logic_error("RoundedEuclideanWorld: scores that are not products alone");
  const HeadMoves query = head_moves(q, a.heads), key = head_moves(k, a.kv_heads), value = head_moves(v, a.kv_heads);
  const std::size_t tokens = columns.size(), size = a.head_size, mixed_size = size + 2;
  if (memory.tokens.entries() == 0) {
    memory.reference = BallMatrix(v.balls.rows(), 1);
    for (std::size_t i = 0; i < v.balls.rows(); ++i) arf_set(arb_midref(memory.reference(i, 0)), arb_midref(v.balls(i, tokens - 1)));
    memory.key_norms.resize(a.kv_heads), memory.key_moves.resize(a.kv_heads);
  }
  BallMatrix values(a.kv_heads * mixed_size, tokens);
  parallel_for(a.kv_heads, [&](std::size_t g) {
    BallMatrix away(size, 1);
    for (std::size_t c = 0; c < tokens; ++c) {
      memory.key_norms[g] = larger(memory.key_norms[g], norm_of(k.balls, g * size, (g + 1) * size, c));
      memory.key_moves[g] = larger(memory.key_moves[g], head_radius(k, key, a.kv_heads, g, c));
      for (std::size_t i = 0; i < size; ++i) {
        arb_set(values(g * mixed_size + i, c), v.balls(g * size + i, c));
        arb_sub(away(i, 0), v.balls(g * size + i, c), memory.reference(g * size + i, 0), v.bits);
      }
      arf_set_mag(arb_midref(values(g * mixed_size + size, c)), head_radius(v, value, a.kv_heads, g, c).get());
      arf_set_mag(arb_midref(values(g * mixed_size + size + 1, c)), norm_of(away, 0, size, 0).get());
    }
  });
  memory.tokens.append(k.balls, values);
  const BallMatrix mixed = attend_rounded(a, q.balls, k.balls, values, columns, memory.tokens, q.bits);

  Ball factor;
  set_root(factor, a.scale, 64);
  const Magnitude scale = Magnitude::of(factor);
  Block y{BallMatrix(a.heads * size, tokens), Magnitudes(tokens), Plain{}, q.bits};
  parallel_for(tokens, [&](std::size_t c) {
    Magnitude sum;
    for (std::size_t h = 0; h < a.heads; ++h) {
      const std::size_t g = h / (a.heads / a.kv_heads), row = h * mixed_size;
      for (std::size_t i = 0; i < size; ++i) arb_set(y.balls(h * size + i, c), mixed(row + i, c));
      const Magnitude eta = scale * (norm_of(q.balls, h * size, (h + 1) * size, c) * memory.key_moves[g] +
                                     head_radius(q, query, a.heads, h, c) * (memory.key_norms[g] + memory.key_moves[g]));
      const Magnitude change = expm1(shifted(eta, 1)), moves = Magnitude::of(mixed(row + size, c)), apart = Magnitude::of(mixed(row + size + 1, c));
      sum += square(moves + change * (moves + apart));
    }
    y.radii[c] = root(sum);
  });
  return y;
}

}  // namespace snellen
