// What every tokenizer promises.
#pragma once

#include "lib/error.hpp"
#include "lib/files/tokenizer.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {

// Texts become tokens that there are; one that is refused (no UTF-8, a pattern that would run for ever) is refused as an InputError.
inline void check_tokenizer(const Tokenizer& tokenizer, std::string_view text) {
  for (const std::string_view one : {text, std::string_view("Count the ones: 11 \n\t\u00e9\u2581 don't  1234")}) {
    try {
      for (const Token token : tokenizer.encode(one).tokens) {
        check(tokenizer.text_of(token).has_value(), "a text became a token that there is not");
        tokenizer.is_special(token);
      }
    } catch (const InputError&) {
    }
  }
  for (const Token token : {Token{0}, Token{-1}, Token{1} << 40}) tokenizer.text_of(token);
}

}  // namespace snellen::fuzz
