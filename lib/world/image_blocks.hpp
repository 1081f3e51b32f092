// What llama.cpp (ggml) does to activations before a matrix product, by the type that the weights are stored in.
#pragma once

#include <span>
#include <string_view>

namespace snellen {

// lower, upper: one token's activations, in fp32, replaced by what they may be as operands. F32 leaves them; F16 and BF16 round them; Q4_0, Q5_0 and Q8_0 make
// blocks of 32 bytes q with one fp16 scale d: d q with d = fp16(largest / 127), q = round(x / d), where ties and the rounding of 1/d are open; Q6_K makes
// blocks of 256 with an fp32 scale. InputError for types whose products add more than sums of products (Q4_1, Q5_1, Q4_K, Q5_K).
void quantise_activations(std::string_view weight_storage, std::span<double> lower, std::span<double> upper);

}  // namespace snellen
