#include "bounds/reverse_sweep.hpp"

#include <stdexcept>

namespace snellen {

std::vector<Cotangents> reverse_sweep(const Model& model, std::span<const Column> columns, const std::vector<BallMatrix>& states, Place place,
                                      std::vector<Cotangents> batches, long bits, Progress& progress, const TapeObserver& observe) {
  const std::size_t layers = model.layers.size();
  if (states.size() != layers + 1) throw std::logic_error("reverse_sweep: a state for each layer's input, and one for the last output");
  progress.begin("derivatives at " + std::to_string(bits) + " bits", layers);
  if (place == Place::final) {
    Tape tape;
    const ReverseWorld world(bits, tape);
    const auto x = world.input(states[layers]);
    const auto y = Decoder<ReverseWorld>(model, world).final(x);
    for (Cotangents& batch : batches) batch = world.pull(y, std::move(batch), x);
  }
  for (std::size_t l = layers; l-- > 0;) {
    Tape tape;
    const ReverseWorld world(bits, tape);
    ReverseWorld::Memory past;
    const auto x = world.input(states[l]);
    const auto y = Decoder<ReverseWorld>(model, world).layer(model.layers[l], x, columns, past);
    if (observe) observe(l, tape);
    for (Cotangents& batch : batches) batch = world.pull(y, std::move(batch), x);
    progress.step();
  }
  return batches;
}

}  // namespace snellen
