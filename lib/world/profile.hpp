// An engine profile: what an inference engine rounds, where, and to which format. It is data; the `rounded` world executes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/number/format.hpp"

namespace snellen {

// How operands of a linear map are scaled into a narrow format before rounding: not at all; by one factor a tensor (a weight matrix, or all the
// columns of a block: then a token's result depends on the tokens run with it); or by one factor a token (weights: a row).
enum class Scaling { none, per_tensor, per_token };

// All roundings are to nearest, ties to even. Library functions (exp, tanh, erf, sin, cos, rsqrt) are correctly rounded.
// Sums run from the first term to the last.
struct Profile {
  std::string name;
  std::string description;
  Format storage;       // every vector between operations: residual stream, q, k, v, norms' and activations' outputs
  Format operand;       // weights and activations entering a matrix product (storage, unless the engine quantises them)
  Format accumulator;   // products (each rounded) and running sums of matrix products and attention mixes
  Format softmax;       // scores, exponentials, their sum
  Format probability;   // normalised attention weights, rounded before they multiply the values
  Format cache;         // keys and values in memory
  Format norm;          // inside norms: squares, mean, inverse root, product with the weight
  Format function;      // inside activations
  Format rope_table;    // cos and sin of the rotary encoding
  Scaling weight_scaling = Scaling::none;
  Scaling activation_scaling = Scaling::none;
  // A token's result depends on the other tokens of its batch, so that every length must be run alone.
  bool couples_tokens() const { return activation_scaling == Scaling::per_tensor; }
};

// fp32, fp16-acc32, bf16, bf16-acc32, fp8-e4m3-acc32, fp8-e5m2-acc32, ...
const std::vector<Profile>& shipped_profiles();
std::optional<Profile> find_profile(std::string_view name);

}  // namespace snellen
