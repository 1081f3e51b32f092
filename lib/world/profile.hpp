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

// All roundings are to nearest, ties to even. Library functions (exp, tanh, erf, sin, cos, 1/sqrt) and the constants of the model (roots, ALiBi slopes,
// sqrt(2/pi), rotary angles are real values) are correctly rounded. Sums start from zero and run from the first term to the last.
// A value entering an operation of another format is rounded to that format first. The steps, each rounded:
//   weights        embeddings, position tables, norms' weights and biases: to `storage` on loading. Matrices: to `operand`.
//   linear         operands; sum of products in `accumulator`; times the activation's and then the weight's factor in `rescale`, where there are
//                  factors; to `storage`; plus the bias in `storage`
//   scaled operand x / factor in `rescale`, then to `operand`; factor = amax / largest(operand) in `rescale`, amax the largest |x| of what shares it;
//                  1 where that is zero. Dynamic: every block of activations has its own factors
//   norm           in `norm`: sum of squares / count, + epsilon, 1/sqrt; x times this, times the weight, plus the bias; then to `storage`
//   rotary         in `rope_table`: x_f cos - x_g sin, x_g cos + x_f sin; then to `storage`
//   scores         q (`storage`) times k (`cache`) in `accumulator`; then in `softmax`: times the scale, c tanh(s / c), minus slope * (i - j)
//   softmax        in `softmax`: minus the largest score, exp, sum, quotient; then to `probability`
//   mix            probabilities times v (`cache`) in `accumulator`; then to `storage`
//   activation     in `function`, written as engines do: x / (1 + exp(-x)); 0.5 x (1 + erf(x / sqrt 2)); 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
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
  Format rope_table;    // cos and sin of the rotary encoding, and the rotation
  Format rescale;       // scaling factors of operands and the arithmetic that applies them; unused without scaling
  Scaling weight_scaling = Scaling::none;
  Scaling activation_scaling = Scaling::none;
  // A token's result depends on the other tokens of its batch, so that every length must be run alone.
  bool couples_tokens() const { return activation_scaling == Scaling::per_tensor; }
};

// fp64, fp32, fp16-acc32, bf16, bf16-acc32, fp8-e4m3-acc32, fp8-e5m2-acc32, fp8-e4m3-acc32-token, fp8-e5m2-acc32-token.
const std::vector<Profile>& shipped_profiles();
std::optional<Profile> find_profile(std::string_view name);

}  // namespace snellen
