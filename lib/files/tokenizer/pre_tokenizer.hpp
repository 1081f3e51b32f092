// How a tokenizer cuts a normalised text into the words that are then encoded one by one.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/files/tokenizer/pattern.hpp"

namespace snellen {

// What becomes of a match: a word of its own; nothing; the end of the word before it; the beginning of the word after it; matches in
// a row are one word.
enum class Behavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

struct Split {
  Pattern pattern;
  Behavior behavior = Behavior::isolated;
  bool invert = false;  // what does not match counts as the match
};
// Every number character (Nd, Nl, No) a word of its own, or runs of them.
struct Digits {
  bool individual = false;
};
// GPT-2: words by `regex` (if any), each byte written in the byte alphabet.
struct ByteLevel {
  bool add_prefix_space = false;
  std::optional<Pattern> regex;
};
enum class PrependScheme { never, first, always };  // first: where the word begins the whole text
// Spaces become `replacement`, one more stands before the text, and each begins a word.
struct Metaspace {
  std::string replacement;
  PrependScheme prepend = PrependScheme::always;
  bool split = true;
};
using PreTokenizer = std::vector<std::variant<Split, Digits, ByteLevel, Metaspace>>;

struct Word {
  std::string text;
  bool begins_text = false;  // nothing stands before it, a special token neither
};

// The expression of GPT-2.
extern const char* const gpt2_split;

std::vector<Word> words_of(const PreTokenizer& steps, Word text);

}  // namespace snellen
