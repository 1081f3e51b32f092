// What a checkpoint's configuration says, before its weights are taken: sizes, constants, and the names of the tensors.
// Hugging Face configs and GGUF metadata are both read into this; one function then makes the model.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "lib/files/stored_tensor.hpp"
#include "lib/model/model.hpp"

namespace snellen {

enum class Bias { none, required, if_present };

struct Blueprint {
  std::string architecture;
  std::size_t width = 0, vocabulary = 0, layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0;
  std::optional<std::size_t> context_length;

  // Names of tensors, without ".weight" and ".bias". Those of a layer follow layer_prefix, in which {} is its number.
  // An empty name: the part does not exist.
  std::string embedding, learned_positions, final_norm, unembedding, layer_prefix;
  std::string attention_norm, query, key, value, output, query_norm, key_norm, post_attention_norm;
  std::string fused_query_key_value;  // in place of query, key and value
  std::string mlp_norm, gate, up, down, post_mlp_norm;

  bool tied = false;              // the embedding is the unembedding; a stored unembedding must repeat it
  bool weights_in_out = false;    // linear maps of the layers are stored [in, out] (GPT-2's Conv1D)
  bool interleaved_pairs = false; // query and key rows are stored for a rotation of neighbours (2f, 2f + 1): put back
  Bias qkv_bias = Bias::none, output_bias = Bias::none, mlp_bias = Bias::none;

  NormKind norm = NormKind::rms;
  bool norm_bias = true;          // of layer norms; rms norms have none
  double epsilon = 0;
  bool unit_offset = false;
  Activation activation = Activation::silu;
  Root embedding_scale;
  bool sinusoidal_positions = false;
  std::function<Attention(std::size_t layer)> attention;
  std::optional<double> logit_softcap;
};

// Takes every tensor the blueprint names, each checked for presence, type, shape and finite values. Throws InputError, at
// weights.place() where the sizes contradict one another. `source` and `sha256` of the model are left empty.
Model build_model(const Blueprint& blueprint, Weights& weights);

}  // namespace snellen
