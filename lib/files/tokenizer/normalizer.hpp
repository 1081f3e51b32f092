// What a tokenizer does to a text before it is split.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "lib/files/tokenizer/pattern.hpp"

namespace snellen {

enum class NormalForm { nfc, nfd, nfkc, nfkd };  // Unicode Standard Annex 15, by ICU
struct Replace {
  Pattern pattern;
  std::string content;
};
struct Prepend {  // before a text that is not empty
  std::string text;
};
using Normalizer = std::vector<std::variant<NormalForm, Replace, Prepend>>;

// The steps one after the other. `text` is valid UTF-8. Throws InputError where they make it longer than 64 KiB and 16 times the text.
std::string normalized(const Normalizer& steps, std::string text);

}  // namespace snellen
