#include "lib/model/operations.hpp"

#include <fmt/format.h>

namespace snellen {

std::vector<OperationName> operations_of(const Model& model) {
  using Inputs = std::vector<std::size_t>;
  std::vector<OperationName> result;
  std::optional<std::size_t> layer;
  const auto add = [&](OperationKind kind, const std::string& name, std::size_t width, Inputs inputs) {
    result.push_back({kind, layer ? fmt::format("layer.{}.{}", *layer, name) : name, name, layer, width, std::move(inputs)});
    return result.size() - 1;
  };
  std::size_t x = add(OperationKind::embedding, "embedding", model.width, {});
  if (!model.embedding_scale.is_one()) x = add(OperationKind::scale, "embedding_scaled", model.width, {x});
  if (!std::holds_alternative<NoPositions>(model.positions)) x = add(OperationKind::positions, "embedding_positions", model.width, {x});
  result.back().name = result.back().short_name = "hidden.0";
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    layer = i;
    const Layer& l = model.layers[i];
    const std::size_t queries = l.attention.heads * l.attention.head_size, keys = l.attention.kv_heads * l.attention.head_size;
    const auto normed = [&](const std::optional<Norm>& norm, const std::string& name, std::size_t width, std::size_t input) {
      return norm ? add(OperationKind::norm, name, width, {input}) : input;
    };
    std::size_t h = normed(l.attention_norm, "attention_norm", model.width, x);
    const auto projected = [&](const std::string& name, std::size_t width, const std::optional<Norm>& norm) {
      const std::size_t y = normed(norm, name + "_norm", width, add(OperationKind::linear, name, width, {h}));
      return l.attention.rotary ? add(OperationKind::rotary, name + "_rotated", width, {y}) : y;
    };
    const std::size_t q = projected("query", queries, l.query_norm), k = projected("key", keys, l.key_norm);
    const std::size_t v = add(OperationKind::linear, "value", keys, {h});
    const std::size_t scores = add(OperationKind::scores, "scores", l.attention.heads, {q, k});
    const std::size_t probabilities = add(OperationKind::probabilities, "probabilities", l.attention.heads, {scores});
    const std::size_t mix = add(OperationKind::mix, "mix", queries, {probabilities, v});
    const std::size_t attended = normed(l.post_attention_norm, "post_attention_norm", model.width, add(OperationKind::linear, "attention_output", model.width, {mix}));
    x = add(OperationKind::sum, l.up ? "residual" : fmt::format("hidden.{}", i + 1), model.width, {x, attended});
    if (l.up) {
      const std::size_t hidden = l.up->weight->rows();
      h = normed(l.mlp_norm, "mlp_norm", model.width, x);
      std::size_t inner = add(OperationKind::linear, "up", hidden, {h});
      const std::size_t gate = l.gate ? add(OperationKind::linear, "gate", hidden, {h}) : inner;
      const std::size_t activated = l.activation != Activation::identity ? add(OperationKind::activation, "activation", hidden, {gate}) : gate;
      inner = l.gate ? add(OperationKind::product, "inner", hidden, {activated, inner}) : activated;
      const std::size_t down = normed(l.post_mlp_norm, "post_mlp_norm", model.width, add(OperationKind::linear, "down", model.width, {inner}));
      x = add(OperationKind::sum, fmt::format("hidden.{}", i + 1), model.width, {x, down});
    }
    result.back().name = result.back().short_name;
  }
  layer.reset();
  if (model.final_norm) x = add(OperationKind::norm, "final", model.width, {x});
  add(OperationKind::linear, "logits", model.unembedding.weight->rows(), {x});
  return result;
}

}  // namespace snellen
