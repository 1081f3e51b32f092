#include "lib/world/engine_profile.hpp"

#include <stdexcept>

namespace snellen {

EngineProfile engine_profile(const Profile& p) {
  if (p.weight_scaling != Scaling::none || p.activation_scaling != Scaling::none)
    throw std::invalid_argument("profile " + p.name + ": dynamic scaling of operands has no envelope");
  EngineProfile e{p.name, p.description, p.storage, p.operand, p.accumulator, p.accumulator, p.accumulator, p.softmax, p.softmax, p.softmax, p.storage,
                  p.softmax, p.probability, p.cache, p.norm, {p.function}, p.rope_table, p.rope_table, p.rope_table};
  e.order = SumOrder::sequential;
  return e;
}

}  // namespace snellen
