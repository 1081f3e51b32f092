// A set of engines: everything that a profile leaves open is open, and its envelope must hold what any of them may produce. (lib/world/profile.hpp is one
// emulated engine, executed; this is what an engine that somebody else wrote may do, enclosed.) Data; lib/world/image.hpp gives it its meaning.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/number/format.hpp"
#include "lib/world/profile.hpp"

namespace snellen {

// How sums of products are ordered: in any order; from the first term to the last (then a result is exact, not enclosed).
enum class SumOrder { any, sequential };
// How partial sums become one: from the first to the last; each of the first half plus its partner in the second, and so on with that half; or neighbours in pairs.
enum class Combination { sequential, halves, neighbours };
// The order of a linear map's sums where it is known: blocks of `block` terms (0: one block), in each of them `lanes` chains side by side, term i of the block in
// chain i mod lanes, combined to the block's sum; the blocks' sums are added from the first to the last.
struct SumBlocks {
  std::size_t lanes = 1, block = 0;
  Combination combination = Combination::halves;
  bool fused = false;  // chains of fused multiply-adds
};
// How one addition rounds: to nearest; towards zero; or, as tensor cores do, `block` products and the running sum aligned to the largest of them, cut to
// `bits` bits, added exactly and cut again.
enum class Addition { nearest, truncated, aligned };
// Where a norm's result is cast to `storage`: before it is multiplied with the weight (Llama in PyTorch), after, or either.
enum class NormCast { before_weight, after_weight, any };
// Where a bias is added: to the stored product, in the accumulator, or either.
enum class BiasIn { storage, accumulator, any };
// What the score's scale multiplies: the product q.k, the query before the product, or either.
enum class ScaleOn { product, query, any };
// When attention weights are cast to `probability`: divided by the sum first, or exponentials before they are summed.
enum class ProbabilityCast { after_sum, before_sum };
// From where the distance of ALiBi is counted: from the query, or from the last token of the sequence (MPT: the same softmax, other roundings).
enum class AlibiFrom { query, last_token };
// What a matrix product does to its activations first: nothing; what llama.cpp does, by the type of the weights (lib/world/image_blocks.hpp).
enum class ActivationBlocks { none, ggml };

// Largest errors of library functions in units in the last place of the result's format: 0.5 is correctly rounded. Of erf in ulps of 1.
struct LibraryUlps {
  double exp = 0.5, tanh = 0.5, erf = 0.5, inverse_sqrt = 0.5, sin_cos = 0.5;
};

struct EngineProfile {
  std::string name, description;
  Format storage;            // vectors between operations
  Format operand;            // weights of matrix products; activations too where they are wider
  Format accumulator;        // running sums of linear maps
  Format score_accumulator;  // of q.k
  Format mix_accumulator;    // of probabilities times values
  Format score;              // q.k after its sum; what scale, soft-cap and mask make of it
  Format alibi;              // sum of score and ALiBi's term
  Format scalar;             // constants of the model (scale, soft-cap) and the products with them, before the cast to their operation's format
  Format embedding_scale;    // the constant that embeddings are multiplied with
  Format softmax;            // differences, exponentials, their sum, quotient
  Format probability;
  Format cache;              // keys and values as attention reads them
  Format norm;
  std::vector<Format> function;  // inside activations; several: any of them
  Format rope_angle;         // frequency, angle, cos and sin before the cast to the table
  Format rope_table;         // cos and sin
  Format rotation;           // products and sum of the rotation
  SumOrder order = SumOrder::any;
  std::optional<SumBlocks> linear_blocks = {};  // of linear maps, in place of `order`
  Addition addition = Addition::nearest;
  int aligned_bits = 0, aligned_block = 0;
  bool fused = false;          // multiplications may be fused with the additions that follow them
  bool flush_to_zero = false;  // results and operands below the smallest normal may become zero
  double angle_error = 0;      // of a rotary angle, in units of 2^-precision of rope_angle, relative
  double variance_error = 0;   // of a variance of n entries, in units of n 2^-precision(norm) times the mean square; 0: sum of squares of differences from the mean
  NormCast norm_cast = NormCast::after_weight;
  NormCast offset_norm_cast = NormCast::after_weight;  // of norms whose weight is 1 + w (Gemma)
  BiasIn bias = BiasIn::storage;
  ScaleOn scale = ScaleOn::product;
  ProbabilityCast probability_cast = ProbabilityCast::after_sum;
  AlibiFrom alibi_from = AlibiFrom::query;
  // Compilers may leave out the cast of one operation's result before the next one reads it, though the result itself is stored cast; activations and products may be computed again there.
  bool elided_casts = false;
  ActivationBlocks activation_blocks = ActivationBlocks::none;
  LibraryUlps ulps = {};
};

// The one emulated engine as a set of one: its sums in its order, its functions correctly rounded. std::invalid_argument for a profile that scales
// its operands dynamically.
EngineProfile engine_profile(const Profile& profile);

}  // namespace snellen
