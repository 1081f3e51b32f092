// Tokens that are found in the text as they stand, before anything is split: control tokens and what a user added.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/model/model.hpp"

namespace snellen {

struct AddedToken {
  Token id = 0;
  std::string content;
  bool single_word = false;             // not inside a word
  bool strip_left = false, strip_right = false;  // takes the white space beside it along
  bool normalized = false;              // looked for in the normalised text, normalised itself
  bool special = false;
};

// Strings by their bytes.
class Trie {
 public:
  Trie() { root_.fill(0); }
  // False where the string was there already. Not empty.
  bool add(std::string_view text, std::size_t value);
  struct Match {
    std::size_t value, size;
  };
  // The longest string with which `text` begins at byte `at`.
  std::optional<Match> longest(std::string_view text, std::size_t at) const;

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t child(std::size_t node, std::uint8_t byte) const;
  std::array<std::size_t, 256> root_;                       // 0: no child
  std::unordered_map<std::uint64_t, std::size_t> children_;  // node << 8 | byte; node 0 is the root
  std::vector<std::size_t> values_ = {none};
};

class AddedTokens {
 public:
  // `normalize` is the tokenizer's. Throws InputError(place, ...) for a content or an id that occurs twice, or is empty.
  AddedTokens(std::vector<AddedToken> tokens, const std::function<std::string(const std::string&)>& normalize, const std::string& place);

  struct Part {
    std::size_t begin, end;
    const AddedToken* token;  // null: plain text
  };
  // The text in parts, none of them empty; leftmost matches, of these the longest. `normalized`: which of the two kinds is looked for.
  std::vector<Part> parts(std::string_view text, bool normalized) const;
  const AddedToken* find(Token id) const;
  const std::vector<AddedToken>& all() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<Token, std::size_t> by_id_;
  Trie raw_, normalized_;
};

}  // namespace snellen
