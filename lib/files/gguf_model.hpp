// GGUF checkpoints.
#pragma once

#include <filesystem>

#include "lib/model/model.hpp"

namespace snellen {

// Architectures: llama (Mistral and SmolLM are llama here), qwen2, qwen3, gemma, gemma2, gemma3, gpt2, with the meaning that
// llama.cpp gives to their keys: eps and bases are float32 values, Gemma's norm weights are stored as 1 + w, llama's query and key rows
// are put back into Hugging Face's order. Throws InputError for a key "<architecture>.*" that is not understood (a RoPE scaling,
// experts), a file that is one part of several, and tensors missing, of another shape, not finite, or left over.
Model load_gguf(const std::filesystem::path& path);

}  // namespace snellen
