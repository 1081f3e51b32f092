// What every reader of tensors promises.
#pragma once

#include "lib/error.hpp"
#include "lib/files/stored_tensor.hpp"
#include "lib/model/model.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {

// Each lies in its file, and those that can be weights decode to finite numbers, row by row.
inline void check_tensors(const StoredTensors& tensors) {
  for (const auto& [name, stored] : tensors) {
    const std::span<const std::byte> file = stored.file->bytes();
    check(stored.bytes.empty() || (stored.bytes.data() >= file.data() && stored.bytes.data() + stored.bytes.size() <= file.data() + file.size()),
          "a tensor lies outside its file");
    check(stored_size(*stored.storage, stored.shape) == stored.bytes.size(), "a tensor's bytes do not fit its shape");
    TensorPtr tensor;
    try {
      tensor = stored.tensor(name);
    } catch (const InputError&) {
      continue;  // no weight, or not finite
    }
    if (tensor->rows() == 0 || tensor->columns() == 0) continue;
    std::vector<double> row(tensor->columns());
    for (std::size_t r = 0; r < tensor->rows(); ++r) {
      tensor->read_row(r, row);
      for (const double value : row) check(value - value == 0, "a weight is not finite");
    }
  }
}

// Every weight of a model can be read.
inline void check_model(const Model& model) {
  const auto read = [](const TensorPtr& tensor) {
    if (!tensor) return;
    std::vector<double> row(tensor->columns());
    for (std::size_t r = 0; r < tensor->rows(); ++r) tensor->read_row(r, row);
  };
  read(model.embedding), read(model.unembedding.weight);
  for (const Layer& layer : model.layers) {
    for (const Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output}) read(linear->weight), read(linear->bias);
    for (const std::optional<Linear>* linear : {&layer.gate, &layer.up, &layer.down}) {
      if (*linear) read((*linear)->weight), read((*linear)->bias);
    }
    check(layer.attention.heads > 0 && layer.attention.kv_heads > 0 && layer.attention.heads % layer.attention.kv_heads == 0, "heads without a group");
    check(layer.query.weight->rows() == layer.attention.heads * layer.attention.head_size, "the query's rows are not the heads'");
    check(layer.key.weight->rows() == layer.attention.kv_heads * layer.attention.head_size, "the key's rows are not the heads'");
    check(!layer.attention.rotary || layer.attention.rotary->dimensions <= layer.attention.head_size, "a rotation of more than the head");
    check(!layer.attention.window || *layer.attention.window > 0, "a window of nothing");
  }
  check(model.embedding->rows() == model.vocabulary && model.embedding->columns() == model.width, "the embedding's shape");
}

}  // namespace snellen::fuzz
