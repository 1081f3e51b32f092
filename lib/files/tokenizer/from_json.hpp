// tokenizer.json of the Hugging Face tokenizers library.
#pragma once

#include <string>
#include <string_view>

#include "lib/files/tokenizer.hpp"

namespace snellen {

// Understood: the model BPE (without dropout, prefix or suffix); normalizers NFC, NFD, NFKC, NFKD, Replace, Prepend, Sequence;
// pre-tokenizers ByteLevel, Split, Digits, Metaspace, Sequence; post-processors ByteLevel, TemplateProcessing, Sequence; added tokens with all their
// options. Throws InputError(place, ...) naming anything else.
Tokenizer tokenizer_from_json(std::string_view json, const std::string& place);

}  // namespace snellen
