// The tokenizer in the metadata of a GGUF file.
#pragma once

#include <memory>

#include "lib/files/mapped_file.hpp"
#include "lib/files/tokenizer.hpp"

namespace snellen {

// tokenizer.ggml.model gpt2 (byte-level) with a tokenizer.ggml.pre that is known, or llama (SentencePiece's BPE with byte fallback) of the
// architectures llama, gemma, gemma2, gemma3. The result encodes as the Hugging Face tokenizer of the same model; merges that a file
// leaves out are rebuilt from the vocabulary as transformers rebuilds them. Throws InputError naming anything else.
Tokenizer tokenizer_from_gguf(const std::shared_ptr<const MappedFile>& file);

}  // namespace snellen
