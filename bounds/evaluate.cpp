#include "bounds/evaluate.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/next_token.hpp"
#include "lib/world/euclidean.hpp"

namespace snellen {
namespace {

// Tokens that pass through all layers together: more of them leave the caches, fewer pass over the weights more often. Later ones remember earlier ones, as a run does its prompt.
constexpr std::size_t columns_at_once = 128;

BallMatrix midpoints(BallMatrix x) {
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c) mag_zero(arb_radref(x(i, c)));
  return x;
}

// log2 of each column's largest entry.
std::vector<double> sizes(const BallMatrix& x) {
  std::vector<double> result(x.columns(), -INFINITY);
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c)
      if (arb_is_finite(x(i, c)) && !arb_is_zero(x(i, c))) result[c] = std::max(result[c], Magnitude::of(x(i, c)).log2());
  return result;
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
  const EuclideanWorld world(bits);
  const Decoder<EuclideanWorld> decoder(model, world);
  const std::vector<std::size_t> wanted = wanted_columns(block);
  const std::size_t parts = std::max<std::size_t>(1, (block.columns.size() + columns_at_once - 1) / columns_at_once), size = (block.columns.size() + parts - 1) / parts;
  progress.begin("certified evaluation at " + std::to_string(bits) + " bits", parts * model.layers.size());
  Decoder<EuclideanWorld>::Memory memory;
  Evaluation result;
  BallMatrix hulls(next_tokens ? model.width : 0, next_tokens ? wanted.size() : 0);
  for (std::size_t begin = 0, done = 0; begin < block.columns.size(); begin += size) {
    const std::size_t end = std::min(block.columns.size(), begin + size);
    EuclideanWorld::Block x = decoder.hidden(std::span(block.columns).subspan(begin, end - begin), memory, [&](std::size_t layer, const EuclideanWorld::Block&) {
      if (layer > 0) progress.step();
    });
    std::vector<std::size_t> here;
    for (; done < wanted.size() && wanted[done] < end; ++done) here.push_back(wanted[done] - begin);
    if (here.empty()) continue;
    x = world.select(x, here);
    const EuclideanWorld::Block y = decoder.final(x);
    for (std::size_t c = 0; c < here.size(); ++c) result.vectors.push_back(certified_column(world, place == Place::final ? y : x, c));
    if (!next_tokens) continue;
    BallMatrix hull = world.hull(y);
    for (std::size_t c = 0; c < here.size(); ++c)
      for (std::size_t i = 0; i < hull.rows(); ++i) arb_swap(hulls(i, done - here.size() + c), hull(i, c));
  }

  const auto index_of = [&](std::size_t column) {
    return static_cast<std::size_t>(std::lower_bound(wanted.begin(), wanted.end(), column) - wanted.begin());
  };
  for (const std::size_t column : block.first) result.first.push_back(index_of(column));
  for (const std::size_t column : block.second) result.second.push_back(index_of(column));
  if (next_tokens) result.next_tokens = certified_next_tokens(model, BallWorld(bits), hulls);
  return result;
}

long predict_bits(const Model& model, std::span<const Column> columns, long accuracy) {
  constexpr long probe_bits = 128, probe_accuracy = 80;
  constexpr std::size_t probe_tokens = 6, stride = 3;
  // The first tokens of the trunk, or of the first branch where there is no trunk, see only themselves.
  columns = columns.first(std::min(probe_tokens, columns.size()));
  const BallWorld balls(probe_bits);
  const EuclideanWorld world(probe_bits);
  const Decoder<BallWorld> ball_decoder(model, balls);
  const Decoder<EuclideanWorld> decoder(model, world);
  // Every layer starts at the midpoints of the one below; every third also says how far apart radii grow. They start as 2^-80 of each token's size, then as the last
  // such layer left them, all scaled so that the largest is 2^-80 again: as in a power method they come to be what layers make of radii, where
  // those of tokens that grow most in one layer need not grow most in the next.
  BallMatrix x = ball_decoder.embed(columns);
  std::vector<double> shares(columns.size());  // log2 of a token's radius, relative to its size, over the largest such
  double growth = 0;
  std::size_t measured = 0;
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    x = midpoints(std::move(x));
    if (l % stride != 0) {
      BallWorld::Memory past;
      x = ball_decoder.layer(model.layers[l], std::move(x), columns, past);
      continue;
    }
    const std::vector<double> before = sizes(x);
    EuclideanWorld::Block start{std::move(x), std::vector<Magnitude>(columns.size()), EuclideanWorld::Stream{}, probe_bits};
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (before[c] > -INFINITY) start.radii[c] = shifted(Magnitude::of(1), std::lround(before[c] + shares[c]) - probe_accuracy);
    EuclideanWorld::Memory past;
    EuclideanWorld::Block y = decoder.layer(model.layers[l], std::move(start), columns, past);
    const std::vector<double> after = sizes(y.balls);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (after[c] == -INFINITY) shares[c] = 0;  // an exact zero
      else shares[c] = y.radii[c].is_finite() ? y.radii[c].log2() - after[c] + probe_accuracy : static_cast<double>(probe_accuracy);
    }
    const double worst = *std::max_element(shares.begin(), shares.end());
    for (double& share : shares) share = std::max(share - worst, -static_cast<double>(probe_accuracy) / 2);
    growth += worst, ++measured;
    x = std::move(y.balls);
  }
  const double per_layer = measured > 0 ? growth / static_cast<double>(measured) : 0;
  // 4 bits: the rounding errors of the first branch, the final norm, and room. Whoever asks has spare bits, too, and may raise what was too little.
  const double bits = static_cast<double>(accuracy) + 4 + per_layer * static_cast<double>(model.layers.size());
  return 8 * static_cast<long>(std::ceil(bits / 8));
}

}  // namespace snellen
