// Text to tokens and back, as the Hugging Face tokenizers library does it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/files/tokenizer/added_tokens.hpp"
#include "lib/files/tokenizer/bpe.hpp"
#include "lib/files/tokenizer/normalizer.hpp"
#include "lib/files/tokenizer/pre_tokenizer.hpp"

namespace snellen {

struct Encoding {
  std::vector<Token> tokens;
  // Characters (of a byte-level vocabulary: bytes) that nothing in the vocabulary stands for. The reference leaves them out without a word.
  std::size_t left_out = 0;
};

// How the tokens of a vocabulary are spelled.
struct Spelling {
  bool byte_level = false;  // in the byte alphabet
  std::string space;        // what stands for a space; empty: the space itself
};

class Tokenizer {
 public:
  struct Parts {
    Bpe model;
    AddedTokens added;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    std::vector<Token> before, after;  // special tokens that the reference puts around a text when it is asked to
    Spelling spelling;
  };
  explicit Tokenizer(Parts parts) : parts_(std::move(parts)) {}

  // encode(text, add_special_tokens=False) of the reference: nothing is put around the text; special tokens that are written in it are found.
  // Throws InputError(place, ...) with the byte where the text is not UTF-8.
  Encoding encode(std::string_view text, const std::string& place = "text") const;

  const std::vector<Token>& before() const { return parts_.before; }
  const std::vector<Token>& after() const { return parts_.after; }

  // The bytes a token stands for: alone they need not be UTF-8. Nothing for an id without a token.
  std::optional<std::string> text_of(Token token) const;
  bool is_special(Token token) const;

 private:
  Parts parts_;
};

// Of a model as load_model() takes it: the tokenizer.json in its folder (beside a .safetensors), or the metadata of a .gguf. A tokenizer.json itself
// is taken, too. Throws InputError for what is not there, malformed, or not understood, by its name.
Tokenizer load_tokenizer(const std::filesystem::path& model);

}  // namespace snellen
