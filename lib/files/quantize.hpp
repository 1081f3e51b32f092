// Weights rounded to GGUF's block formats as llama.cpp's reference quantisers (quantize_row_*_ref) do it, to see what fewer bits do to a model.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/model/model.hpp"

namespace snellen {

enum class BlockFormat { q8_0, q4_0, q4_1 };

// "Q8_0".
std::string_view name_of(BlockFormat format);

// 32 floats to one block of 34, 18 or 20 bytes: float operations in the reference's order, each rounded once. The scale of a block with an entry beyond some
// 2^23 (Q8_0) or 2^19 overflows fp16 and is stored as infinite.
void quantize_q8_0(const float* values, std::byte* block);
void quantize_q4_0(const float* values, std::byte* block);
void quantize_q4_1(const float* values, std::byte* block);

// The model whose matrices (linear maps, embedding, unembedding) are quantised row by row and mean what the reference dequantises; norms, biases and
// tables of positions stay, as under llama-quantize --pure. Entries are rounded to float first. The digest is of the model's own and the format's name.
// InputError at `place` where rows are no whole number of blocks or a scale overflows.
Model quantized(Model model, BlockFormat format, const std::string& place);

}  // namespace snellen
