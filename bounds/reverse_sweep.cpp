#include "bounds/reverse_sweep.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// A cotangent of every slot: within radii[s] of its midpoint in the 2-norm; the balls themselves have none.
struct Centred {
  Cotangents midpoints;
  std::vector<Magnitude> radii;
};

// The balls' radii become one in the 2-norm.
Centred centred(Cotangents g) {
  Centred result{std::move(g), {}};
  result.radii.resize(result.midpoints.size());
  BallMatrix& values = result.midpoints.values;
  parallel_for(result.radii.size(), [&](std::size_t s) {
    Magnitude sum;
    for (std::size_t i = 0; i < values.rows(); ++i) {
      mag_struct* radius = arb_radref(values(i, s));
      if (!arb_is_finite(values(i, s))) mag_inf(sum.get()), arb_zero(values(i, s));
      mag_addmul(sum.get(), radius, radius);
      mag_zero(radius);
    }
    mag_sqrt(result.radii[s].get(), sum.get());
  });
  return result;
}

// What the radii of the layer's outputs can add to those of its inputs.
void add_through(Centred& below, const Centred& above, const std::vector<Magnitude>& block, std::size_t tokens) {
  const std::vector<Slot>& slots = above.midpoints.slots;
  parallel_for(below.radii.size(), [&](std::size_t s) {
    const Slot& slot = below.midpoints.slots[s];
    const auto begin = std::lower_bound(slots.begin(), slots.end(), Slot{slot.direction, 0});
    for (auto at = begin; at != slots.end() && at->direction == slot.direction; ++at)
      mag_addmul(below.radii[s].get(), block[at->column * tokens + slot.column].get(), above.radii[static_cast<std::size_t>(at - slots.begin())].get());
  });
}

Cotangents hull(Centred g) {
  BallMatrix& values = g.midpoints.values;
  for (std::size_t i = 0; i < values.rows(); ++i)
    for (std::size_t s = 0; s < g.radii.size(); ++s) arb_add_error_mag(values(i, s), g.radii[s].get());
  return std::move(g.midpoints);
}

}  // namespace

std::vector<Cotangents> reverse_sweep(const Model& model, std::span<const Column> columns, const std::vector<BallMatrix>& states,
                                      const std::vector<std::vector<Magnitude>>& blocks, Place place, std::vector<Cotangents> batches, long bits, Progress& progress,
                                      const TapeObserver& observe) {
  const std::size_t layers = model.layers.size(), tokens = columns.size();
  if (states.size() != layers + 1 || blocks.size() != layers) throw std::logic_error("reverse_sweep: a state for each layer's input, one for the last output, and a block for each layer");
  progress.begin("derivatives at " + std::to_string(bits) + " bits", layers);
  if (place == Place::final) {
    Tape tape;
    const ReverseWorld world(bits, tape);
    const auto x = world.input(states[layers]);
    const auto y = Decoder<ReverseWorld>(model, world).final(x);
    for (Cotangents& batch : batches) batch = world.pull(y, std::move(batch), x);
  }
  std::vector<Centred> held;
  for (Cotangents& batch : batches) held.push_back(centred(std::move(batch)));
  for (std::size_t l = layers; l-- > 0;) {
    Tape tape;
    const ReverseWorld world(bits, tape);
    ReverseWorld::Memory past;
    const auto x = world.input(states[l]);
    const auto y = Decoder<ReverseWorld>(model, world).layer(model.layers[l], x, columns, past);
    if (observe) observe(l, tape);
    for (Centred& above : held) {
      Centred below = centred(world.pull(y, above.midpoints, x));
      add_through(below, above, blocks[l], tokens);
      above = std::move(below);
    }
    progress.step();
  }
  for (std::size_t b = 0; b < held.size(); ++b) batches[b] = hull(std::move(held[b]));
  return batches;
}

}  // namespace snellen
