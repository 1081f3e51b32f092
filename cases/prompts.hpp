// Prompts from a file, for the verbs that take many.
#pragma once

#include <filesystem>
#include <vector>

#include "lib/model/columns.hpp"

namespace snellen {

// A prompt a line: a JSON string for the tokenizer of `model` (loaded at the first one), without the special tokens that it may put around a text, or a list
// of token ids. Throws InputError, "file:LINE: ...", for anything else, and where the file cannot be read to its end.
std::vector<std::vector<Token>> read_prompts(const std::filesystem::path& file, const std::filesystem::path& model);

}  // namespace snellen
