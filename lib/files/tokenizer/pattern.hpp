// What a tokenizer looks for in a text: a plain string, or a regular expression of a tokenizer.json.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace snellen {

// Half-open, in bytes; spans follow one another and cover the text.
struct Span {
  std::size_t begin, end;
  bool matched;
};

class Pattern {
 public:
  // Not empty.
  static Pattern literal(std::string text);
  // An expression in Oniguruma's Ruby syntax, which is what the reference reads, restricted to what PCRE2 is known to match
  // alike: literals, \r \n \t \f \v \s \S \d \D \uHHHH \x{H} and escaped punctuation, \p and \P of general categories, classes without
  // nesting, (?: (?i: (?> and look-around groups, alternation, quantifiers. \s is White_Space. Throws InputError(place, ...) for anything
  // else, and for an expression that can match the empty string.
  static Pattern regex(std::string_view expression, const std::string& place);

  // All matches, leftmost first, and what lies between; nothing for an empty text. `text` is valid UTF-8. Throws InputError where a regular
  // expression needs more steps than one whose work is linear could (it would backtrack for ever).
  std::vector<Span> spans(std::string_view text) const;

 private:
  struct Compiled;
  std::string literal_;
  std::shared_ptr<const Compiled> regex_;
};

// The expression as PCRE2 is given it.
std::string to_pcre2(std::string_view expression, const std::string& place);

}  // namespace snellen
