// The operations of a decoder under their names, in program order (lib/model/decoder.hpp): what an engine's dump is compared with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/model/model.hpp"

namespace snellen {

enum class OperationKind { embedding, positions, scale, sum, product, linear, norm, activation, rotary, scores, probabilities, mix };

// hidden.0 (embeddings, scaled and with their positions), then for each layer L = 0, 1, ...
//   layer.L.attention_norm, query, query_norm, query_rotated, key, key_norm, key_rotated, value, scores, probabilities, mix, attention_output,
//   post_attention_norm, residual, mlp_norm, up, gate, activation, inner, down, post_mlp_norm, hidden.L+1
// and final, logits; each only where the model has it.
struct OperationName {
  OperationKind kind;
  std::string name;            // "layer.3.query"
  std::string short_name;      // "query"
  std::optional<std::size_t> layer;
  std::size_t width = 0;       // of a token's vector; of scores and probabilities: the number of heads
  std::vector<std::size_t> inputs = {};  // the operations whose results it reads, of this token or of earlier ones: their indices
};

std::vector<OperationName> operations_of(const Model& model);

}  // namespace snellen
