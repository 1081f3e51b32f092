#include "proofs/checker/work.hpp"

namespace snellen::check {
namespace {

constexpr double weight_product = 0.1;  // of an exact weight with an interval (fixed_dot.hpp), beside a product of two intervals

double products_of(const Linear& map) { return weight_product * static_cast<double>(map.weight->rows()) * static_cast<double>(map.weight->columns()); }

}  // namespace

double products_of_layers(const Model& model) {
  double products = 0;
  const auto add = [&](const Linear& map) { products += products_of(map); };
  for (const Layer& layer : model.layers) {
    add(layer.query), add(layer.key), add(layer.value), add(layer.output);
    if (layer.gate) add(*layer.gate);
    if (layer.up) add(*layer.up), add(*layer.down);
  }
  return products;
}

double products_of_logits(const Model& model) { return products_of(model.unembedding); }

double products_of_attention(const Model& model) {
  double products = 0;
  for (const Layer& layer : model.layers) products += 2 * static_cast<double>(layer.attention.heads) * static_cast<double>(layer.attention.head_size);
  return products;
}

}  // namespace snellen::check
