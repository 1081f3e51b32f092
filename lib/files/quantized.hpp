// GGUF's block formats. A block means what llama.cpp's reference dequantize_row_* returns: float products and sums in its
// order, each rounded once (no contraction), fp16 scales widened exactly.
#pragma once

#include <cstddef>

namespace snellen {

// One block to its values: 32 floats.
void dequantize_q8_0(const std::byte* block, float* values);
void dequantize_q4_0(const std::byte* block, float* values);
void dequantize_q4_1(const std::byte* block, float* values);
void dequantize_q5_0(const std::byte* block, float* values);
void dequantize_q5_1(const std::byte* block, float* values);
// 256 floats.
void dequantize_q4_k(const std::byte* block, float* values);
void dequantize_q5_k(const std::byte* block, float* values);
void dequantize_q6_k(const std::byte* block, float* values);

}  // namespace snellen
