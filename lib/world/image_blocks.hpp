// What llama.cpp (ggml) does to activations before a matrix product, by the type that the weights are stored in.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace snellen {

// lower, upper: one token's activations, in fp32, replaced by what they may be as operands. F32 leaves them; F16 and BF16 round them; types of blocks of 32 (Q4_0, Q4_1, Q5_0, Q5_1,
// Q8_0) make 32 bytes q with one fp16 scale d: d q with d = fp16(largest / 127), q = round(x / d), where ties and the rounding of 1/d are open; Q4_K, Q5_K and Q6_K make
// blocks of 256 with an fp32 scale. InputError for other types.
void quantise_activations(std::string_view weight_storage, std::span<double> lower, std::span<double> upper);

// Types with offsets, w = s q + m, q = 0, ..., levels: their products are s d sum q q' and m times the sum of the activations' block, each rounded by itself.
struct BlockOffsets {
  std::size_t block = 32;
  int levels = 15;
  bool rounded_sum = false;  // the activations' sum is stored in fp16 (Q8_1), from the scale before its own cast
};
std::optional<BlockOffsets> block_offsets(std::string_view weight_storage);
// At least |m| of a block with these weights. Distinct weights are multiples of s apart, so that |s| is at most their least distance g, and m lies within levels g of each of them.
// A block of equal weights is taken to have s = 0.
double offset_bound(std::span<const double> weights, int levels);

}  // namespace snellen
