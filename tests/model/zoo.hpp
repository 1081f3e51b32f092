// Small synthetic models that together walk over everything the decoder can be.
#pragma once

#include <string>
#include <vector>

#include "lib/model/synthetic.hpp"

namespace snellen::testing {

struct Specimen {
  std::string name;
  RandomModel description;
};

inline std::vector<Specimen> zoo() {
  RandomModel base;
  base.width = 16, base.heads = 4, base.hidden = 24, base.vocab = 8;
  std::vector<Specimen> all;
  const auto add = [&](std::string name, auto change) {
    RandomModel description = base;
    description.seed = all.size() + 1;
    change(description);
    all.push_back({std::move(name), description});
  };
  add("rope", [](RandomModel&) {});
  add("nope", [](RandomModel& m) { m.position = PositionKind::none; });
  add("alibi", [](RandomModel& m) { m.position = PositionKind::alibi; });
  add("alibi, 6 heads", [](RandomModel& m) { m.position = PositionKind::alibi, m.heads = 6, m.width = 24; });
  add("sinusoidal", [](RandomModel& m) { m.position = PositionKind::sinusoidal; });
  add("learned", [](RandomModel& m) { m.position = PositionKind::learned, m.context = 64; });
  add("grouped queries", [](RandomModel& m) { m.kv_heads = 2; });
  add("one key head", [](RandomModel& m) { m.kv_heads = 1; });
  add("window", [](RandomModel& m) { m.window = 3; });
  add("mixed windows", [](RandomModel& m) { m.window = 3, m.global_every = 2, m.layers = 4; });
  add("layer norm, biases, gelu", [](RandomModel& m) { m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false; });
  add("tanh gelu", [](RandomModel& m) { m.activation = Activation::gelu_tanh, m.gated = false; });
  add("geglu, post norms, qk norm, 1 + w, caps", [](RandomModel& m) {
    m.activation = Activation::gelu_tanh, m.post_norms = true, m.qk_norm = true, m.unit_offset = true, m.softcap = 5, m.final_softcap = 10,
    m.embedding_scale = true, m.tied = true;
  });
  add("relu, no gate", [](RandomModel& m) { m.activation = Activation::relu, m.gated = false; });
  add("partial rotary", [](RandomModel& m) { m.rotary_dimensions = 2; });
  add("wide heads", [](RandomModel& m) { m.head_size = 8; });
  add("the paper's bare model", [](RandomModel& m) { m.identity = true, m.hidden = 0, m.heads = 1, m.position = PositionKind::sinusoidal; });
  return all;
}

}  // namespace snellen::testing
