#include "lib/model/operations.hpp"

#include <fmt/format.h>

namespace snellen {

std::vector<OperationName> operations_of(const Model& model) {
  std::vector<OperationName> result;
  std::optional<std::size_t> layer;
  const auto add = [&](OperationKind kind, const std::string& name, std::size_t width) {
    result.push_back({kind, layer ? fmt::format("layer.{}.{}", *layer, name) : name, name, layer, width});
  };
  add(OperationKind::embedding, "embedding", model.width);
  if (!model.embedding_scale.is_one()) add(OperationKind::scale, "embedding_scaled", model.width);
  if (!std::holds_alternative<NoPositions>(model.positions)) add(OperationKind::positions, "embedding_positions", model.width);
  result.back().name = result.back().short_name = "hidden.0";
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    layer = i;
    const Layer& l = model.layers[i];
    const std::size_t queries = l.attention.heads * l.attention.head_size, keys = l.attention.kv_heads * l.attention.head_size;
    if (l.attention_norm) add(OperationKind::norm, "attention_norm", model.width);
    const auto projected = [&](const std::string& name, std::size_t width, const std::optional<Norm>& norm) {
      add(OperationKind::linear, name, width);
      if (norm) add(OperationKind::norm, name + "_norm", width);
      if (l.attention.rotary) add(OperationKind::rotary, name + "_rotated", width);
    };
    projected("query", queries, l.query_norm);
    projected("key", keys, l.key_norm);
    add(OperationKind::linear, "value", keys);
    add(OperationKind::scores, "scores", l.attention.heads);
    add(OperationKind::probabilities, "probabilities", l.attention.heads);
    add(OperationKind::mix, "mix", queries);
    add(OperationKind::linear, "attention_output", model.width);
    if (l.post_attention_norm) add(OperationKind::norm, "post_attention_norm", model.width);
    add(OperationKind::sum, l.up ? "residual" : fmt::format("hidden.{}", i + 1), model.width);
    if (l.up) {
      const std::size_t hidden = l.up->weight->rows();
      if (l.mlp_norm) add(OperationKind::norm, "mlp_norm", model.width);
      add(OperationKind::linear, "up", hidden);
      if (l.gate) add(OperationKind::linear, "gate", hidden);
      if (l.activation != Activation::identity) add(OperationKind::activation, "activation", hidden);
      if (l.gate) add(OperationKind::product, "inner", hidden);
      add(OperationKind::linear, "down", model.width);
      if (l.post_mlp_norm) add(OperationKind::norm, "post_mlp_norm", model.width);
      add(OperationKind::sum, fmt::format("hidden.{}", i + 1), model.width);
    }
    result.back().name = result.back().short_name;
  }
  layer.reset();
  if (model.final_norm) add(OperationKind::norm, "final", model.width);
  add(OperationKind::linear, "logits", model.unembedding.weight->rows());
  return result;
}

}  // namespace snellen
