#include "lib/world/run_norms.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/number/magnitude_functions.hpp"
#include "lib/number/operator_norm.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/attention_norm.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/norm_slope.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// At least the 2-norm of entries [begin, end) of a tensor read row by row; zero for none.
Magnitude norm_of(const TensorPtr& vector, std::size_t begin, std::size_t end) {
  if (!vector) return {};
  const std::vector<double> values = read_all(*vector);
  return magnitude_of(euclidean_norm(std::span(values).subspan(begin, end - begin)));
}

Decay times(const Decay& x, const Magnitude& factor) {
  Decay result;
  result.add(x, factor);
  return result;
}

// At least |A|_F, and at least |A|_2 where `sharply`, of the rows [begin, end) of the matrix with its columns multiplied by the weights.
struct MapNorms {
  Magnitude folded, plain;  // with the weights; the Frobenius norm without
};
MapNorms norms_of(const Tensor& matrix, std::span<const double> weights, std::size_t begin, std::size_t end, bool sharply) {
  const std::size_t columns = matrix.columns(), rows = end - begin;
  std::vector<double> entries(rows * columns), row(columns);
  double square = 0, plain = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    matrix.read_row(begin + i, row);
    if (!are_moderate(row)) plain = square = infinite_bound;
    double of_row = 0, plain_of_row = 0;
    for (std::size_t j = 0; j < columns; ++j) {
      const double entry = weights.empty() ? row[j] : row[j] * weights[j];
      plain_of_row += row[j] * row[j], of_row += entry * entry;
      entries[i * columns + j] = entry;
    }
    plain += plain_of_row, square += of_row;
  }
  // Weights and products are each rounded once: a relative 2^-52 of each entry, as `upward` allows for.
  const double frobenius = upward(std::sqrt(square));
  MapNorms result{magnitude_of(frobenius), magnitude_of(upward(std::sqrt(plain)))};
  if (!sharply || !(frobenius <= 0x1p100)) return result;
  const double both = upward(two_norm(entries, rows, columns) + frobenius * 0x1p-51);
  if (both < frobenius) result.folded = magnitude_of(both);
  return result;
}

}  // namespace

RunNormsBlock RunNorms::plain(BallMatrix limit, Decay deviation, Magnitude largest) const {
  NormedSource source{{}, {}, largest, deviation};
  return {std::move(limit), std::move(deviation), std::move(largest), std::move(source), nullptr, {}};
}

RunNormsBlock RunNorms::embed(const TensorPtr& table, std::span<const Column> columns) const {
  const BallMatrix x = balls_.embed(table, columns);
  Magnitude largest;
  for (std::size_t c = 0; c < x.columns(); ++c) largest = larger(largest, norm_of(x, 0, x.rows(), c));
  const std::vector<std::size_t> first{0};
  return plain(balls_.select(x, first), {}, std::move(largest));
}

RunNormsBlock RunNorms::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const { throw std::logic_error("RunNorms: a run has no limit under learned positions"); }

RunNormsBlock RunNorms::add_sinusoids(const Block&, std::span<const Column>) const { throw std::logic_error("RunNorms: a run has no limit under sinusoidal positions"); }

RunNormsBlock RunNorms::scale(const Block& x, const Root& factor) const {
  Ball f;
  set_root(f, factor, balls_.bits());
  const Magnitude size = Magnitude::of(f);
  return plain(balls_.scale(x.limit, factor), times(x.deviation, size), x.largest * size);
}

RunNormsBlock RunNorms::add(const Block& x, const Block& y) const {
  Decay deviation = x.deviation;
  deviation += y.deviation;
  return plain(balls_.add(x.limit, y.limit), std::move(deviation), x.largest + y.largest);
}

// x y - r s = x (y - s) + s (x - r), entry by entry; no entry exceeds the 2-norm.
RunNormsBlock RunNorms::multiply(const Block& x, const Block& y) const {
  Magnitude s;
  for (std::size_t i = 0; i < y.limit.rows(); ++i) s = larger(s, Magnitude::of(y.limit(i, 0)));
  Decay deviation = times(y.deviation, x.largest);
  deviation.add(x.deviation, s);
  return plain(balls_.multiply(x.limit, y.limit), std::move(deviation), x.largest * y.largest);
}

RunNormsBlock RunNorms::linear(const Linear& map, const Block& x) const {
  const MapNorms norms = norms_of(*map.weight, x.source.weights, 0, map.weight->rows(), false);
  Magnitude largest = norms.folded * x.source.size + norms.plain * x.source.bias + norm_of(map.bias, 0, map.weight->rows());
  Block y = plain(balls_.linear(map, x.limit), times(x.source.deviation, norms.folded), std::move(largest));
  y.map = std::make_shared<const RunNormsBlock::Map>(RunNormsBlock::Map{map.weight, map.bias, x.source});
  return y;
}

// Before its weights a norm gives y = x / rho with |y|_2 <= sqrt(size), and |y - s|_2 <= 2 |x - r|_2 / rho' for s = r / rho'.
RunNormsBlock RunNorms::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const std::size_t size = x.limit.rows() / groups;
  std::vector<double> weights = norm_weights(n);
  const Magnitude largest_weight = largest_norm_weight(weights), bias = norm_of(n.bias, 0, n.bias ? size : 0), length = root(Magnitude::of(size));
  Magnitude slope;
  for (std::size_t g = 0; g < groups; ++g) slope = larger(slope, norm_slope(n, x.limit, g * size, (g + 1) * size, 0, Magnitude()));
  Decay deviation = times(x.deviation, shifted(slope, 1));
  const Magnitude part = length * largest_weight + bias;
  Block y = plain(balls_.norm(n, x.limit, groups), times(deviation, largest_weight), part * root(Magnitude::of(groups)));
  if (groups == 1) y.source = {std::move(weights), bias, length, std::move(deviation)};
  y.parts.assign(groups, part);
  return y;
}

// |f(x)| <= |x| for every activation here.
RunNormsBlock RunNorms::activate(Activation activation, const Block& x) const {
  return plain(balls_.activate(activation, x.limit), times(x.deviation, magnitude_of(activation_bounds(activation).lipschitz)), x.largest);
}

// The parts of a block that belong to each of `count` heads.
std::vector<RunNorms::Slice> RunNorms::slices(const Block& x, std::size_t count) const {
  std::vector<Slice> result(count, {x.largest, x.deviation});
  if (x.parts.size() == count)
    for (std::size_t h = 0; h < count; ++h) result[h].size = x.parts[h];
  if (!x.map) return result;
  const std::size_t size = x.limit.rows() / count;
  parallel_for(count, [&](std::size_t h) {
    const NormedSource& source = x.map->source;
    const MapNorms norms = norms_of(*x.map->weight, source.weights, h * size, (h + 1) * size, true);
    result[h] = {norms.folded * source.size + norms.plain * source.bias + norm_of(x.map->offset, h * size, (h + 1) * size), times(source.deviation, norms.folded)};
  });
  return result;
}

RunNormsBlock RunNorms::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column>, Memory& memory) const {
  if (!a.alibi.empty() && !a.window) throw std::logic_error("RunNorms::attend: ALiBi without a window");
  const std::size_t group = a.heads / a.kv_heads;
  const std::vector<Slice> queries = slices(q, a.heads), keys = slices(k, a.kv_heads), values = slices(v, a.kv_heads);
  Ball scale;
  set_root(scale, a.scale, balls_.bits());
  BallMatrix limit(a.heads * a.head_size, 1);
  Decay deviation;
  Magnitude largest;
  for (std::size_t h = 0; h < a.heads; ++h) {
    const std::size_t g = h / group;
    const Slice& value = values[g];
    for (std::size_t i = 0; i < a.head_size; ++i) arb_set(limit(h * a.head_size + i, 0), v.limit(g * a.head_size + i, 0));
    largest += value.size * value.size;
    const Magnitude apart = value.size + norm_of(v.limit, g * a.head_size, (g + 1) * a.head_size, 0);  // of a value of P from the run's limit
    if (a.window) {  // a mean of what is seen
      const Length back = *a.window - 1;
      Decay seen = decays_.reaching_back(value.deviation, back);
      if (prefix_ > 0) seen.raise_to(Decay::inverse(apart * magnitude_of(back)));  // token j <= back may see P
      deviation += seen;
      continue;
    }
    Magnitude score = queries[h].size * keys[g].size * Magnitude::of(scale);
    if (a.softcap) {
      const Magnitude cap = magnitude_of(*a.softcap);
      if (cap < score) score = cap;
    }
    memory.score = larger(memory.score, score);
    Magnitude share = shifted(score, 1);  // times the number of tokens seen
    mag_exp(share.get(), share.get());
    deviation.add(Decay::inverse(apart * Magnitude::of(prefix_)), share);
    deviation.add(decays_.average(value.deviation), share);
  }
  return plain(std::move(limit), std::move(deviation), root(std::move(largest)));
}

Magnitude RunNorms::coefficient(const Block& x) const {
  Magnitude sum;
  for (std::size_t k = 0; k < x.deviation.terms(); ++k) sum += x.deviation[k];
  return sum;
}

BallMatrix RunNorms::from(const Block& x, const Length& n) const {
  BallMatrix result = x.limit;
  const Magnitude off = decays_.from(x.deviation, n);
  for (std::size_t i = 0; i < result.rows(); ++i) arb_add_error_mag(result(i, 0), off.get());
  return result;
}

}  // namespace snellen
