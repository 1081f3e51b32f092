// Models made from a seed: the same bits on every platform (integers turned into dyadics that bf16 holds exactly; no libm, no
// std::normal_distribution). They are alive: outputs of order one, attention far from uniform.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/error.hpp"
#include "lib/model/model.hpp"

namespace snellen {

enum class PositionKind { rope, alibi, none, sinusoidal, learned };

struct RandomModel {
  std::uint64_t seed = 1;
  std::size_t layers = 2, width = 32, heads = 4;
  std::size_t kv_heads = 0;              // 0: heads
  std::size_t head_size = 0;             // 0: width / heads
  std::size_t hidden = 64;               // 0: no MLP
  std::size_t vocab = 16;
  PositionKind position = PositionKind::rope;
  std::size_t context = 1024;            // rows of a learned table of positions
  double rope_base = 10000;
  std::size_t rotary_dimensions = 0;     // 0: head_size
  NormKind norm = NormKind::rms;
  double epsilon = 1e-5;
  bool pre_norm = true;                  // norms before attention and before the MLP
  bool post_norms = false;               // norms on both branches, before the residual sums
  bool qk_norm = false;
  bool unit_offset = false;              // norms multiply by 1 + weight
  Activation activation = Activation::silu;
  bool gated = true;
  bool bias = false;                     // on every linear map but the unembedding
  bool tied = false;
  bool embedding_scale = false;          // embeddings times sqrt(width)
  std::optional<std::size_t> window;
  std::size_t global_every = 0;          // with a window: layers k, 2k, ... (counted from 1) see everything; 0: none does
  std::optional<double> softcap, final_softcap;
  bool identity = false;                 // W = I for query, key, value and output, norm weights 1: the paper's bare model (with hidden = 0)
  double gain = 2;                       // of query and key weights, a power of two: scores grow with its square
  bool one_hot = false;                  // token t is the t-th unit vector (vocab up to width)
  bool unscaled = false;                 // scores are plain dot products of queries and keys
};

// What makes a description unusable, if anything does; keys are the names above.
std::optional<Problem> problem_of(const RandomModel& description);

// "random: seed 1, 2 layers of width 32, ...": every setting, in one line.
std::string describe(const RandomModel& description);

// Linear maps [out, in] have entries gain m/128 2^-k, m uniform in -127..127 and 4^k the largest power of four up to `in`; norm weights 1 + m/64 and
// biases and learned positions m/512 with small m. Each tensor has a stream of its own, from the seed and the tensor's name: another layer
// changes no other. InputError where problem_of(description) finds one.
Model synthetic_model(const RandomModel& description);

}  // namespace snellen
