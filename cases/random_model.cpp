#include "cases/random_model.hpp"

namespace snellen {

const std::initializer_list<std::string_view> random_model_keys = {
    "seed",      "layers",     "width",       "heads",      "kv_heads", "head_size", "hidden", "vocab",  "position",        "context",
    "rope_base", "rotary_dimensions", "norm", "epsilon",    "pre_norm", "post_norms", "qk_norm", "unit_offset", "activation", "gated",
    "bias",      "tied",       "embedding_scale", "window", "global_every", "softcap", "final_softcap", "identity", "gain", "one_hot", "unscaled"};

RandomModel read_random_model(const TomlSection& section) {
  RandomModel r;
  const auto size = [&](std::string_view key, std::size_t& value) {
    if (const auto given = section.integer(key, 0)) value = static_cast<std::size_t>(*given);
  };
  const auto flag = [&](std::string_view key, bool& value) { value = section.boolean(key).value_or(value); };
  const auto real = [&](std::string_view key, double& value) { value = section.number(key).value_or(value); };
  r.seed = static_cast<std::uint64_t>(section.integer("seed", 0).value_or(static_cast<std::int64_t>(r.seed)));
  size("layers", r.layers), size("width", r.width), size("heads", r.heads), size("kv_heads", r.kv_heads), size("head_size", r.head_size);
  size("hidden", r.hidden), size("vocab", r.vocab), size("context", r.context), size("rotary_dimensions", r.rotary_dimensions);
  size("global_every", r.global_every);
  real("rope_base", r.rope_base), real("epsilon", r.epsilon), real("gain", r.gain);
  flag("pre_norm", r.pre_norm), flag("post_norms", r.post_norms), flag("qk_norm", r.qk_norm), flag("unit_offset", r.unit_offset);
  flag("gated", r.gated), flag("bias", r.bias), flag("tied", r.tied), flag("embedding_scale", r.embedding_scale), flag("identity", r.identity);
  flag("one_hot", r.one_hot), flag("unscaled", r.unscaled);
  if (const auto window = section.integer("window", 1)) r.window = static_cast<std::size_t>(*window);
  r.softcap = section.number("softcap");
  r.final_softcap = section.number("final_softcap");
  r.position = section.choice<PositionKind>("position", {{"rope", PositionKind::rope}, {"alibi", PositionKind::alibi}, {"none", PositionKind::none},
                                                         {"sinusoidal", PositionKind::sinusoidal}, {"learned", PositionKind::learned}})
                   .value_or(r.position);
  r.norm = section.choice<NormKind>("norm", {{"rms", NormKind::rms}, {"layer", NormKind::layer}}).value_or(r.norm);
  r.activation = section.choice<Activation>("activation", {{"silu", Activation::silu}, {"gelu", Activation::gelu_exact},
                                                           {"gelu_tanh", Activation::gelu_tanh}, {"relu", Activation::relu}})
                     .value_or(r.activation);
  return r;
}

}  // namespace snellen
