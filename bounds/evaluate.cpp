#include "bounds/evaluate.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/next_token.hpp"

namespace snellen {
namespace {

// log2(largest midpoint / largest radius) over a block: the correct bits it has left, relative to its largest entry.
double accuracy_bits(const BallMatrix& x) {
  double magnitude = -INFINITY, radius = -INFINITY;
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c) {
      arb_srcptr ball = x(i, c);
      if (!arb_is_finite(ball)) return -INFINITY;
      if (!arf_is_zero(arb_midref(ball))) magnitude = std::max(magnitude, static_cast<double>(arf_abs_bound_lt_2exp_si(arb_midref(ball))));
      if (!mag_is_zero(arb_radref(ball))) radius = std::max(radius, mag_get_d_log2_approx(arb_radref(ball)));
    }
  return magnitude - radius;
}

}  // namespace

std::vector<std::size_t> wanted_columns(const FamilyBlock& block) {
  std::vector<std::size_t> wanted = block.first;
  wanted.insert(wanted.end(), block.second.begin(), block.second.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  return wanted;
}

Evaluation evaluate(const Model& model, const FamilyBlock& block, Place place, bool next_tokens, long bits, Progress& progress) {
  const BallWorld world(bits);
  const Decoder<BallWorld> decoder(model, world);
  progress.begin("certified evaluation at " + std::to_string(bits) + " bits", model.layers.size());
  Decoder<BallWorld>::Memory memory;
  BallMatrix x = decoder.hidden(block.columns, memory, [&](std::size_t layer, const BallMatrix&) {
    if (layer > 0) progress.step();
  });

  const std::vector<std::size_t> wanted = wanted_columns(block);
  const auto index_of = [&](std::size_t column) {
    return static_cast<std::size_t>(std::lower_bound(wanted.begin(), wanted.end(), column) - wanted.begin());
  };
  x = world.select(x, wanted);
  const BallMatrix y = decoder.final(x);

  Evaluation result;
  for (std::size_t c = 0; c < wanted.size(); ++c) result.vectors.push_back(certified_column(world, place == Place::final ? y : x, c));
  for (const std::size_t column : block.first) result.first.push_back(index_of(column));
  for (const std::size_t column : block.second) result.second.push_back(index_of(column));
  if (next_tokens) result.next_tokens = certified_next_tokens(model, world, y);
  return result;
}

long predict_bits(const Model& model, std::span<const Column> columns, long accuracy) {
  constexpr long probe_bits = 160;
  constexpr std::size_t probe_tokens = 4;
  // The first tokens of the trunk, or of the first branch where there is no trunk, see only themselves.
  columns = columns.first(std::min(probe_tokens, columns.size()));
  const BallWorld world(probe_bits);
  const Decoder<BallWorld> decoder(model, world);
  BallMatrix x = decoder.embed(columns);
  double cost = 0;  // bits lost after the last layer whose output still had some
  std::size_t layers = 0;
  while (layers < model.layers.size()) {
    BallWorld::Memory past;
    x = decoder.layer(model.layers[layers], std::move(x), columns, past);
    const double left = accuracy_bits(x);
    if (left < 16) break;
    ++layers;
    cost = static_cast<double>(probe_bits) - left;
  }
  const double per_layer = layers > 0 ? cost / static_cast<double>(layers) : static_cast<double>(probe_bits);
  const double bits = static_cast<double>(accuracy) + 16 + per_layer * static_cast<double>(model.layers.size());
  return 64 * static_cast<long>(std::ceil(bits / 64));
}

}  // namespace snellen
