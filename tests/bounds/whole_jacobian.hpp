// All of J = d y_last / d x_i(0) of one sequence, and what the influence world bounds it by.
#pragma once

#include <vector>

#include "bounds/reverse_sweep.hpp"
#include "lib/number/matrix_norms.hpp"
#include "lib/world/influence.hpp"

namespace snellen::testing {

// J_{last,i}, i = 0, ..., last, at x(0) = x.
inline std::vector<BallMatrix> jacobian_from(const Model& model, std::span<const Column> columns, const InfluenceWorld& world, InfluenceWorld::Block x, Reach* reach) {
  const std::size_t tokens = columns.size(), last = tokens - 1;
  const Decoder<InfluenceWorld> decoder(model, world);
  std::vector<BallMatrix> states = {world.hull(x)};
  std::vector<std::vector<Magnitude>> blocks;
  Reach through = Reach::identity(tokens);
  for (const Layer& layer : model.layers) {
    InfluenceWorld::Memory past;
    x = decoder.layer(layer, world.input(std::move(x)), columns, past);
    states.push_back(world.hull(x));
    through = after(x.reach, through);
    blocks.push_back(x.reach.moving);
  }
  if (reach) *reach = after(decoder.final(world.input(x)).reach, through);
  Cotangents seeds{{}, BallMatrix(model.width, model.width)};
  for (std::size_t d = 0; d < model.width; ++d) {
    seeds.slots.push_back({d, last});
    arb_one(seeds.values(d, d));
  }
  SilentProgress silent;
  std::vector<Cotangents> batches;
  batches.push_back(std::move(seeds));
  const Cotangents dx = reverse_sweep(model, columns, states, blocks, Place::final, std::move(batches), world.bits(), silent)[0];
  std::vector<BallMatrix> result(tokens, BallMatrix(model.width, model.width));
  for (std::size_t s = 0; s < dx.size(); ++s)
    for (std::size_t k = 0; k < model.width; ++k) arb_set(result[dx.slots[s].column](dx.slots[s].direction, k), dx.values(k, s));
  return result;
}

// Of a sequence of tokens.
inline std::vector<BallMatrix> whole_jacobian(const Model& model, const std::vector<Token>& tokens, long bits, Reach* reach = nullptr) {
  const SequenceTree tree(tokens);
  const InfluenceWorld world(bits);
  return jacobian_from(model, tree.columns(), world, Decoder<InfluenceWorld>(model, world).embed(tree.columns()), reach);
}

// From any vectors in place of embeddings: x[c * width + i], exact.
inline std::vector<BallMatrix> jacobian_at(const Model& model, std::span<const Column> columns, const std::vector<double>& x, long bits, Reach* reach = nullptr) {
  BallMatrix x0(model.width, columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < model.width; ++i) arb_set_d(x0(i, c), x[c * model.width + i]);
  const InfluenceWorld world(bits);
  return jacobian_from(model, columns, world, {{std::move(x0), std::vector<Magnitude>(columns.size()), EuclideanWorld::Stream{}, bits}, {}, nullptr}, reach);
}

inline Dyadic exact_bound(const Magnitude& bound) {
  arf_t exact;
  arf_init(exact);
  arf_set_mag(exact, bound.get());
  Dyadic result = Dyadic::of(exact, MPFR_RNDD);
  arf_clear(exact);
  return result;
}

}  // namespace snellen::testing
