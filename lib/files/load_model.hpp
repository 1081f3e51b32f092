// A model from disk, whatever its format.
#pragma once

#include <filesystem>

#include "lib/model/model.hpp"

namespace snellen {

// A Hugging Face folder, a .safetensors beside its config.json, or a .gguf (known by its name or its first four bytes).
// sha256 is of the .gguf file, or of `sha256sum`'s lines for config.json and the weight files (lib/files/sha256.hpp).
// Throws InputError.
Model load_model(const std::filesystem::path& path);

}  // namespace snellen
