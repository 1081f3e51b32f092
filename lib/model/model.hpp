// What a decoder-only transformer is, as data: the configuration and the weights of every part, with the meaning of each
// constant fixed exactly (a decimal in a config is the nearest double; roots and powers are the real values).
// The decoder (lib/model/decoder.hpp) reads it; loaders (lib/files) and the synthetic generator make it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/model/tensor.hpp"

namespace snellen {

using Token = std::int64_t;

// A positive real constant sqrt(radicand) or 1/sqrt(radicand): 1/sqrt(head size), sqrt(width).
struct Root {
  double radicand = 1;
  bool inverse = false;
  bool is_one() const { return radicand == 1; }
};

// y = W x + b, W [out, in]; bias [1, out] or null.
struct Linear {
  TensorPtr weight;
  TensorPtr bias;
};

enum class NormKind { rms, layer };

// rms:   y = x / sqrt(mean(x^2) + epsilon) * w          layer:  y = (x - mean(x)) / sqrt(var(x) + epsilon) * w + b
// w is weight (null: ones), or 1 + weight with unit_offset (Gemma); bias may be null.
struct Norm {
  NormKind kind = NormKind::rms;
  TensorPtr weight;
  TensorPtr bias;
  double epsilon = 0;
  bool unit_offset = false;
};

enum class Activation { silu, gelu_exact, gelu_tanh, relu, identity };

// 2^(-numerator/denominator): an ALiBi slope.
struct Slope {
  std::int64_t numerator = 0, denominator = 1;
};
// The reference rule for `heads` heads: 2^(-8(h+1)/heads) for a power of two; otherwise the slopes of the next lower power of two
// followed by every other slope of twice that.
std::vector<Slope> alibi_slopes(std::size_t heads);

// Rotation of the first `dimensions` entries of each head by pos * base^(-2f/dimensions), pairing f with f + dimensions/2 (Hugging Face).
struct Rotary {
  double base = 10000;
  std::size_t dimensions = 0;
};

struct Attention {
  std::size_t heads = 0, kv_heads = 0, head_size = 0;
  Root scale;                               // of the scores, usually 1/sqrt(head size)
  std::optional<double> softcap;            // s -> c tanh(s / c), before masking
  std::optional<std::size_t> window;        // keys seen, the token itself included
  std::optional<Rotary> rotary;
  std::vector<Slope> alibi;                 // one per head, or empty
};

struct Layer {
  std::optional<Norm> attention_norm;       // before attention (absent in the paper's bare model)
  Linear query, key, value, output;
  std::optional<Norm> query_norm, key_norm; // over each head's entries
  std::optional<Norm> post_attention_norm;  // Gemma 2 and 3: on the branch, before the residual sum
  Attention attention;
  std::optional<Norm> mlp_norm;
  std::optional<Linear> gate;               // gated: down(activation(gate h) * (up h)); plain: down(activation(up h))
  std::optional<Linear> up, down;           // both absent: no MLP
  Activation activation = Activation::silu;
  std::optional<Norm> post_mlp_norm;
};

struct NoPositions {};
struct SinusoidalPositions {};              // added to the embedding: sin, cos of pos / 10000^(2i/width), interleaved; width even
struct LearnedPositions { TensorPtr table; };  // [positions, width], added to the embedding

struct Model {
  std::string architecture;                 // "llama", "gemma3", "synthetic", ...
  std::string source;                       // for people: the path as given, or the random model's description
  std::string sha256;                       // of the weights and the configuration, lower-case hex
  std::size_t width = 0, vocabulary = 0;
  TensorPtr embedding;                      // [vocabulary, width]
  Root embedding_scale;
  std::variant<NoPositions, SinusoidalPositions, LearnedPositions> positions;
  std::vector<Layer> layers;
  std::optional<Norm> final_norm;
  Linear unembedding;                       // [vocabulary, width]; tied models: the embedding itself
  std::optional<double> logit_softcap;
  std::optional<std::size_t> context_length; // as the checkpoint states it; exceeding it is a warning except for a learned table
};

}  // namespace snellen
