#include "lib/world/influence.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/norm_slope.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

Magnitude infinite() {
  Magnitude result;
  mag_inf(result.get());
  return result;
}

// Row c times factors[c]. An unknown factor times nothing is unknown, not nothing.
Reach scaled_rows(const Reach& reach, const std::vector<Magnitude>& factors) {
  Reach result = reach;
  for (auto* bounds : {&result.moving, &result.frozen})
    for (std::size_t at = 0; at < bounds->size(); ++at) {
      const Magnitude& factor = factors[at / reach.tokens];
      (*bounds)[at] = factor.is_finite() ? (*bounds)[at] * factor : infinite();
    }
  return result;
}

// What a branch's output reaches through the tokens that it reads: block norms [columns][entries] times what these reach.
std::vector<Magnitude> through(const std::vector<Magnitude>& blocks, const std::vector<Magnitude>& reach, std::size_t columns, std::size_t tokens) {
  std::vector<Magnitude> result(columns * tokens);
  const std::size_t entries = reach.size() / tokens;
  parallel_for(columns, [&](std::size_t c) {
    for (std::size_t j = 0; j < entries; ++j) {
      const Magnitude& block = blocks[c * entries + j];
      if (block.is_zero()) continue;
      for (std::size_t i = 0; i < tokens; ++i)
        if (!reach[j * tokens + i].is_zero()) mag_addmul(result[c * tokens + i].get(), block.get(), reach[j * tokens + i].get());
    }
  });
  return result;
}

}  // namespace

Reach Reach::identity(std::size_t tokens) {
  Reach result{tokens, std::vector<Magnitude>(tokens * tokens), {}};
  for (std::size_t c = 0; c < tokens; ++c) result.moving[c * tokens + c] = Magnitude::of(1);
  result.frozen = result.moving;
  return result;
}

Reach Reach::unknown(std::size_t columns, std::size_t tokens) {
  const std::vector<Magnitude> bounds(columns * tokens, infinite());
  return {tokens, bounds, bounds};
}

Reach after(const Reach& second, const Reach& first) {
  return {first.tokens, through(second.moving, first.moving, second.columns(), first.tokens), through(second.frozen, first.frozen, second.columns(), first.tokens)};
}

auto InfluenceWorld::input(Block x) const -> Block {
  x.reach = Reach::identity(tokens(x));
  return x;
}

auto InfluenceWorld::embed(const TensorPtr& table, std::span<const Column> columns) const -> Block {
  return {world_.embed(table, columns), Reach::identity(columns.size()), nullptr};
}

auto InfluenceWorld::scale(const Block& x, const Root& factor) const -> Block {
  Ball f;
  set_root(f, factor, 64);
  return {world_.scale(x.stream, factor), scaled_rows(x.reach, std::vector<Magnitude>(tokens(x), Magnitude::of(f))), nullptr};
}

auto InfluenceWorld::add(const Block& x, const Block& y) const -> Block {
  Block sum{world_.add(x.stream, y.stream), x.reach, nullptr};
  for (std::size_t at = 0; at < sum.reach.moving.size(); ++at) sum.reach.moving[at] += y.reach.moving[at], sum.reach.frozen[at] += y.reach.frozen[at];
  return sum;
}

auto InfluenceWorld::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  Block y{world_.norm(n, x.stream, groups), {}, nullptr};
  if (groups > 1 || std::holds_alternative<EuclideanWorld::Mapped>(x.stream.path)) {  // queries or keys, be it of one head
    y.reach = Reach::unknown(tokens(x), x.reach.tokens), y.source = x.source;
    return y;
  }
  std::vector<Magnitude> slopes(tokens(x));
  EuclideanWorld::Block room;
  const BallMatrix& balls = in_balls(x.stream, room).balls;
  parallel_for(slopes.size(), [&](std::size_t c) { slopes[c] = norm_slope(n, balls, 0, width(x), c, x.stream.radii[c]); });
  const Reach normalised = scaled_rows(x.reach, slopes);
  y.reach = scaled_rows(normalised, std::vector<Magnitude>(tokens(x), largest_norm_weight(norm_weights(n))));
  if (std::holds_alternative<EuclideanWorld::Normed>(y.stream.path)) y.source = std::make_shared<const Source>(Source{normalised, relative(slopes).values});
  return y;
}

auto InfluenceWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const -> Block {
  if (memory.balls.entries != 0) throw std::logic_error("InfluenceWorld::attend: all tokens have to come in one block");
  return inside(world_.attend(attention, q.stream, k.stream, v.stream, columns, memory), v);
}

auto InfluenceWorld::linear(const Linear& map, const Block& x) const -> Block {
  Block y{world_.linear(map, x.stream), Reach::unknown(tokens(x), x.reach.tokens), x.source};
  if (std::holds_alternative<EuclideanWorld::Stream>(x.stream.path)) y.source = std::make_shared<const Source>(Source{x.reach, std::vector<double>(tokens(x), 1.0)});
  if (!x.source) return y;
  const Reach& source = x.source->reach;
  const std::vector<double>& slopes = x.source->slopes;
  const std::size_t columns = tokens(x);
  if (const auto* inner = std::get_if<EuclideanWorld::Inner>(&x.stream.path)) {
    std::vector<Magnitude> norms;
    for (const double norm : inner_block_norms(*inner, *map.weight, slopes)) norms.push_back(magnitude_of(norm));
    y.reach = scaled_rows(source, norms), y.source = nullptr;
  } else if (const auto* mixed = std::get_if<EuclideanWorld::Mixed>(&x.stream.path)) {
    const AttentionBlockNorms norms = attention_block_norms(*mixed->branch, *map.weight, slopes);
    std::vector<Magnitude> frozen(columns * norms.entries), moving(columns * norms.entries);
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t j = 0; j < norms.entries; ++j) {
        const std::size_t at = c * norms.entries + j;
        frozen[at] = magnitude_of(norms.values[at]);
        moving[at] = frozen[at] + magnitude_of(norms.keys[at]);
        if (j == mixed->branch->first + c) moving[at] += magnitude_of(norms.queries[c]);
      }
    y.reach.moving = through(moving, source.moving, columns, source.tokens);
    y.reach.frozen = through(frozen, source.frozen, columns, source.tokens);
    y.source = nullptr;
  }
  return y;
}

auto InfluenceWorld::select(const Block& x, std::span<const std::size_t> columns) const -> Block {
  Block y{world_.select(x.stream, columns), {x.reach.tokens, {}, {}}, nullptr};
  const auto begin = [&](std::size_t c) { return static_cast<std::ptrdiff_t>(c * x.reach.tokens); };
  for (const std::size_t c : columns) {
    y.reach.moving.insert(y.reach.moving.end(), x.reach.moving.begin() + begin(c), x.reach.moving.begin() + begin(c + 1));
    y.reach.frozen.insert(y.reach.frozen.end(), x.reach.frozen.begin() + begin(c), x.reach.frozen.begin() + begin(c + 1));
  }
  return y;
}

}  // namespace snellen
