#include "bounds/forward_pass.hpp"

namespace snellen {

ForwardPass forward_pass(const Model& model, std::span<const Column> columns, Place place, long bits, Progress& progress) {
  const InfluenceWorld world(bits);
  const Decoder<InfluenceWorld> decoder(model, world);
  progress.begin("forward at " + std::to_string(bits) + " bits", model.layers.size());
  ForwardPass result;
  InfluenceWorld::Block x = world.input(decoder.embed(columns));
  result.states.push_back(world.hull(x));
  result.reach = x.reach;
  for (const Layer& layer : model.layers) {
    InfluenceWorld::Memory past;
    x = decoder.layer(layer, world.input(std::move(x)), columns, past);
    result.states.push_back(world.hull(x));
    result.reach = after(x.reach, result.reach);
    result.blocks.push_back(std::move(x.reach.moving));
    progress.step();
  }
  const InfluenceWorld::Block y = decoder.final(world.input(std::move(x)));
  if (place == Place::final) result.reach = after(y.reach, result.reach);
  result.y = world.hull(y);
  return result;
}

}  // namespace snellen
