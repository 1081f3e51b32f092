#include "lib/world/second_layer.hpp"

namespace snellen {

SharesBlock SecondLayerWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  const std::size_t first = shares().rows(), second = outputs_.rows();
  if (memory.run) {
    Block below = SharesWorld::attend(attention, q, k, v, columns, memory.run);
    BallMatrix slopes(below.slopes.rows(), first + second);
    for (std::size_t i = 0; i < slopes.rows(); ++i)
      for (std::size_t s = 0; s < first; ++s) arb_swap(slopes(i, s), below.slopes(i, s));
    return {std::move(below.x), std::move(slopes)};
  }
  memory.query = q, memory.key = k, memory.value = v;
  BallMatrix slopes(second, first + second);
  for (std::size_t i = 0; i < second; ++i) arb_one(slopes(i, first + i));
  return {outputs_, std::move(slopes)};
}

}  // namespace snellen
