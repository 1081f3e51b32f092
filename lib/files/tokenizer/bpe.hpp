// Byte pair encoding (Gage 1994; Sennrich, Haddow, Birch 2016), as the Hugging Face tokenizers library runs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/model/model.hpp"

namespace snellen {

struct BpeOptions {
  std::optional<std::string> unknown;  // the token for a character that has none
  bool fuse_unknown = false;           // a run of them is one
  bool byte_fallback = false;          // a character without a token becomes the tokens <0xHH> of its bytes, if they are all there
  bool ignore_merges = false;          // a word that is a token is that token
};

class Bpe {
 public:
  using Vocabulary = std::vector<std::pair<std::string, std::uint32_t>>;
  using Merges = std::vector<std::pair<std::string_view, std::string_view>>;  // the best first

  // Throws InputError(place, ...) for a token or an id that occurs twice, a token longer than any vocabulary has, a merge whose parts or result are
  // no tokens, an unknown token that is none.
  Bpe(const Vocabulary& vocabulary, const Merges& merges, BpeOptions options, const std::string& place);

  // Appends the tokens of one word (valid UTF-8) to `tokens`: its characters, the pair of the lowest rank merged first, of two the left one; in
  // O(n log n). Returns how many characters were left out because nothing stands for them: no token, no bytes, no unknown token.
  std::size_t encode(std::string_view word, std::vector<Token>& tokens) const;

  std::optional<Token> find(std::string_view token) const;
  const std::string* token(Token id) const;  // null: there is none
  std::size_t size() const { return ids_.size(); }
  bool byte_fallback() const { return options_.byte_fallback; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Merge {
    std::uint32_t rank, result;
  };
  static std::uint64_t key(std::uint32_t left, std::uint32_t right) { return (std::uint64_t{left} << 32) | right; }
  std::optional<std::uint32_t> id(std::string_view token) const;
  std::uint32_t id_for_merge(std::string_view token, std::size_t number, const std::string& place) const;

  struct Symbols;
  void merge(Symbols& symbols) const;

  BpeOptions options_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<std::uint32_t, const std::string*> tokens_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::optional<std::uint32_t> unknown_;
  std::vector<std::optional<std::uint32_t>> bytes_;  // of <0x00> to <0xFF>
};

}  // namespace snellen
