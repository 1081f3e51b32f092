#include "lib/files/blueprint.hpp"

#include <fmt/format.h>

#include <utility>

#include "lib/error.hpp"

namespace snellen {
namespace {

using Indices = std::vector<std::size_t>;

// The order in which stored rows must be read so that each head pairs f with f + size/2, when they are stored with the pairs
// (2f, 2f + 1): the inverse of `permute` in llama.cpp's conversion from Hugging Face.
Indices pairs_put_back(std::size_t heads, std::size_t head_size) {
  Indices indices;
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t f = 0; f < head_size / 2; ++f) indices.push_back(head * head_size + 2 * f + half);
    }
  }
  return indices;
}

TensorPtr entries_of(const Tensor& row, const Indices& indices) {
  const std::vector<double> all = read_all(row);
  std::vector<double> chosen;
  for (const std::size_t i : indices) chosen.push_back(all[i]);
  return std::make_shared<DenseTensor>(1, indices.size(), std::move(chosen));
}

// Output rows of a linear map, chosen or reordered.
Linear rows_of(const Linear& linear, const Indices& indices) {
  return {std::make_shared<RowsOfTensor>(linear.weight, indices), linear.bias ? entries_of(*linear.bias, indices) : nullptr};
}

Linear slice_of(const Linear& linear, std::size_t begin, std::size_t end) {
  Indices indices(end - begin);
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = begin + i;
  return rows_of(linear, indices);
}

class Builder {
 public:
  Builder(const Blueprint& blueprint, Weights& weights) : b_(blueprint), weights_(weights) {}

  Model model() {
    check_sizes();
    Model model;
    model.architecture = b_.architecture;
    model.width = b_.width;
    model.vocabulary = b_.vocabulary;
    model.context_length = b_.context_length;
    model.embedding = weights_.take(b_.embedding + ".weight", {b_.vocabulary, b_.width});
    model.embedding_scale = b_.embedding_scale;
    if (b_.sinusoidal_positions) model.positions = SinusoidalPositions{};
    if (!b_.learned_positions.empty()) {
      model.positions = LearnedPositions{weights_.take(b_.learned_positions + ".weight", {*b_.context_length, b_.width})};
    }
    for (std::size_t i = 0; i < b_.layers; ++i) model.layers.push_back(layer(i));
    model.final_norm = norm(b_.final_norm, b_.width);
    const std::string unembedding = b_.unembedding + ".weight";
    if (b_.tied) {
      model.unembedding.weight = model.embedding;
      if (weights_.contains(unembedding)) weights_.take_copy(unembedding, *model.embedding, b_.embedding + ".weight");
    } else {
      model.unembedding.weight = weights_.take(unembedding, {b_.vocabulary, b_.width});
    }
    model.logit_softcap = b_.logit_softcap;
    return model;
  }

 private:
  void check_sizes() const {
    std::size_t product;
    if (b_.heads % b_.kv_heads != 0) {
      throw InputError(weights_.place(), fmt::format("{} heads share {} key-value heads, expected a divisor", b_.heads, b_.kv_heads));
    }
    if (b_.heads > std::size_t{1} << 32 || __builtin_mul_overflow(3 * b_.heads, b_.head_size, &product)) {
      throw InputError(weights_.place(), fmt::format("{} heads of size {} overflow", b_.heads, b_.head_size));
    }
  }

  std::optional<Norm> norm(const std::string& name, std::size_t size) {
    if (name.empty()) return std::nullopt;
    Norm norm;
    norm.kind = b_.norm;
    norm.weight = weights_.take(name + ".weight", {size});
    if (b_.norm == NormKind::layer && b_.norm_bias) norm.bias = weights_.take(name + ".bias", {size});
    norm.epsilon = b_.epsilon;
    norm.unit_offset = b_.unit_offset;
    return norm;
  }

  Linear linear(const std::string& name, std::size_t out, std::size_t in, Bias bias) {
    Linear linear;
    const std::string weight = name + ".weight";
    linear.weight = b_.weights_in_out ? transposed(*weights_.take(weight, {in, out})) : weights_.take(weight, {out, in});
    if (bias == Bias::required) linear.bias = weights_.take(name + ".bias", {out});
    if (bias == Bias::if_present) linear.bias = weights_.take_if_present(name + ".bias", {out});
    return linear;
  }

  void take_query_key_value(const std::string& prefix, Layer& layer) {
    const std::size_t q = b_.heads * b_.head_size, kv = b_.kv_heads * b_.head_size;
    if (!b_.fused_query_key_value.empty()) {
      const Linear fused = linear(prefix + b_.fused_query_key_value, q + 2 * kv, b_.width, b_.qkv_bias);
      layer.query = slice_of(fused, 0, q);
      layer.key = slice_of(fused, q, q + kv);
      layer.value = slice_of(fused, q + kv, q + 2 * kv);
      return;
    }
    layer.query = linear(prefix + b_.query, q, b_.width, b_.qkv_bias);
    layer.key = linear(prefix + b_.key, kv, b_.width, b_.qkv_bias);
    layer.value = linear(prefix + b_.value, kv, b_.width, b_.qkv_bias);
    if (b_.interleaved_pairs) {
      layer.query = rows_of(layer.query, pairs_put_back(b_.heads, b_.head_size));
      layer.key = rows_of(layer.key, pairs_put_back(b_.kv_heads, b_.head_size));
    }
  }

  Layer layer(std::size_t number) {
    const std::string prefix = fmt::format(fmt::runtime(b_.layer_prefix), number);
    const auto norm_of = [&](const std::string& name, std::size_t size) { return norm(name.empty() ? name : prefix + name, size); };
    Layer layer;
    layer.attention_norm = norm_of(b_.attention_norm, b_.width);
    take_query_key_value(prefix, layer);
    layer.output = linear(prefix + b_.output, b_.width, b_.heads * b_.head_size, b_.output_bias);
    layer.query_norm = norm_of(b_.query_norm, b_.head_size);
    layer.key_norm = norm_of(b_.key_norm, b_.head_size);
    layer.post_attention_norm = norm_of(b_.post_attention_norm, b_.width);
    layer.attention = b_.attention(number);
    layer.mlp_norm = norm_of(b_.mlp_norm, b_.width);
    if (!b_.gate.empty()) layer.gate = linear(prefix + b_.gate, b_.hidden, b_.width, b_.mlp_bias);
    layer.up = linear(prefix + b_.up, b_.hidden, b_.width, b_.mlp_bias);
    layer.down = linear(prefix + b_.down, b_.width, b_.hidden, b_.mlp_bias);
    layer.activation = b_.activation;
    layer.post_mlp_norm = norm_of(b_.post_mlp_norm, b_.width);
    return layer;
  }

  const Blueprint& b_;
  Weights& weights_;
};

}  // namespace

Model build_model(const Blueprint& blueprint, Weights& weights) { return Builder(blueprint, weights).model(); }

}  // namespace snellen
