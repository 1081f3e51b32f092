// Hugging Face checkpoints: config.json beside model.safetensors or a sharded index.
#pragma once

#include <filesystem>

#include "lib/model/model.hpp"

namespace snellen {

// `path` is the folder, or a .safetensors file beside its config.json. Architectures: llama, mistral, qwen2, qwen3, gemma, gemma2,
// gemma3_text (also as the text model of gemma3), gpt2, mpt, with the meaning that transformers 4.5x and 5 give to their fields.
// Absent fields have that class's defaults. For llama, "position_embedding_type" may be rope (default), alibi, none,
// sinusoidal, or learned (tensor model.embed_positions.weight, [max_position_embeddings, hidden_size]).
// bloom is refused: its GELU has 0.79788456 in place of sqrt(2/pi), another function than any Activation.
// Throws InputError, naming the field or the tensor, for anything that is not understood: a field that is neither used nor known
// to change nothing, a RoPE scaling, quantised weights, an architecture or activation not listed, a tensor missing, of another
// shape, not finite, or left over.
Model load_huggingface(const std::filesystem::path& path);

}  // namespace snellen
