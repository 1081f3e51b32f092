// Texts in a case: they become tokens by the model's own tokenizer, and the reports say how.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cases/case.hpp"
#include "lib/files/tokenizer.hpp"

namespace snellen {

class Texts {
 public:
  // `c` says which model; its tokenizer is loaded at the first text.
  explicit Texts(const Case& c) : case_(c) {}

  // The tokens of the text that `key` ("unit") gives, nothing added. InputError where the model has no tokenizer, or its vocabulary has nothing for a part
  // of the text.
  std::vector<Token> tokens(const std::string& key, const std::string& text);

  bool any() const { return !texts_.empty(); }
  // One sentence a text: its tokens, with their pieces.
  std::vector<std::string> readings() const;
  // Where the tokens are not what a reader of the text would think: digits that share a token, and a run whose text would be split otherwise as a
  // whole. Each says which separators keep the parts apart.
  std::vector<std::string> warnings(const Family& family) const;

 private:
  std::optional<std::string> shared_digits() const;
  std::optional<std::string> other_split(const Family& family) const;
  std::vector<Token> encoded(const std::string& text) const { return tokenizer_->encode(text).tokens; }
  std::string pieces(const std::vector<Token>& tokens, std::size_t most) const;
  std::string pieces_from(const std::vector<Token>& tokens, std::size_t from) const;

  const Case& case_;
  std::optional<Tokenizer> tokenizer_;
  std::map<std::string, std::string> texts_;  // by key
};

}  // namespace snellen
