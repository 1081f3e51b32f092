#include "lib/world/tape.hpp"

#include <stdexcept>

namespace snellen {

Cotangents Tape::pull(std::size_t from, Cotangents dy, std::size_t to, long bits) const {
  if (from < to || from >= nodes_.size()) throw std::logic_error("Tape::pull: the node to start from was not recorded after the other");
  std::vector<Cotangents> of(from + 1);
  of[from] = std::move(dy);
  for (std::size_t node = from; node > to; --node) {
    const Cotangents here = std::exchange(of[node], {});
    if (here.slots.empty() || !nodes_[node].pull) continue;
    std::vector<Cotangents> back = nodes_[node].pull(here);
    for (std::size_t i = 0; i < back.size(); ++i) {
      Cotangents& input = of[nodes_[node].inputs[i]];
      input = add(input, std::move(back[i]), bits);
    }
  }
  return std::move(of[to]);
}

}  // namespace snellen
