#include "cases/texts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "lib/error.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

constexpr std::size_t shown_tokens = 12;
constexpr std::int64_t lengths_tried = 32;
constexpr std::string_view separators[] = {",", ", ", " ", ";", "-", ".", "\n"};

std::size_t digits(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); }));
}

std::vector<Token> joined(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string offered(const std::vector<std::string>& names, const std::string& what) {
  if (names.empty()) return "";
  return fmt::format(" {}: {}.", what, fmt::join(names, ", "));
}

}  // namespace

std::vector<Token> Texts::tokens(const std::string& key, const std::string& text) {
  // The prefix may be written as family.text.
  const std::string place = case_.place(key == "prefix" && case_.lines.contains("family.text") ? "family.text" : "family." + key);
  if (!std::holds_alternative<std::filesystem::path>(case_.model)) {
    throw InputError(place, "found a text, expected a list of token ids: a random model has no tokenizer");
  }
  if (!tokenizer_) tokenizer_.emplace(load_tokenizer(find_model(case_)));
  Encoding encoding = tokenizer_->encode(text, place);
  if (encoding.left_out > 0) {
    throw InputError(place, fmt::format("found a text with {} characters for which the vocabulary has nothing, expected one that it can spell", encoding.left_out));
  }
  texts_[key] = text;
  return encoding.tokens;
}

std::string Texts::pieces(const std::vector<Token>& tokens, std::size_t most) const {
  std::string text;
  for (std::size_t i = 0; i < std::min(tokens.size(), most); ++i) {
    text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", escaped(tokenizer_->text_of(tokens[i]).value_or("")), tokens[i]);
  }
  if (tokens.size() > most) text += fmt::format(" and {} more", tokens.size() - most);
  return text;
}

std::string Texts::pieces_from(const std::vector<Token>& tokens, std::size_t from) const {
  return from == tokens.size() ? "nothing" : pieces({tokens.begin() + static_cast<std::ptrdiff_t>(from), tokens.end()}, 3);
}

std::vector<std::string> Texts::readings() const {
  std::vector<std::string> sentences;
  for (const auto& [key, text] : texts_) {
    const std::vector<Token> tokens = encoded(text);
    sentences.push_back(fmt::format("The text of family.{} is {} token{}: {}; no special tokens were added.", key, tokens.size(), tokens.size() == 1 ? "" : "s",
                                    pieces(tokens, shown_tokens)));
  }
  return sentences;
}

std::optional<std::string> Texts::shared_digits() const {
  for (const auto& [key, text] : texts_) {
    std::vector<Token> shared;
    for (const Token token : encoded(text)) {
      if (digits(tokenizer_->text_of(token).value_or("")) > 1) shared.push_back(token);
    }
    if (shared.empty()) continue;
    std::vector<std::string> good;
    for (const std::string_view separator : separators) {
      std::string apart;
      for (const char c : text) {
        if (digits({&c, 1}) == 1) apart += c + std::string(separator);
      }
      const auto [tokens, left_out] = tokenizer_->encode(apart);
      const auto one_digit = [&](Token token) { return digits(tokenizer_->text_of(token).value_or("")) <= 1; };
      if (left_out == 0 && std::all_of(tokens.begin(), tokens.end(), one_digit)) good.push_back(escaped(separator));
    }
    return fmt::format("The digits of family.{} are not one token each: {}.", key, pieces(shared, shown_tokens)) + offered(good, "Between digits, each of these keeps them apart");
  }
  return std::nullopt;
}

std::optional<std::string> Texts::other_split(const Family& family) const {
  const auto text_of = [&](const std::string& key, const std::vector<Token>& tokens) -> std::optional<std::string> {
    const auto found = texts_.find(key);
    if (found != texts_.end()) return found->second;
    return tokens.empty() ? std::optional<std::string>("") : std::nullopt;
  };
  const auto prefix = text_of("prefix", family.prefix), unit = text_of("unit", family.unit), suffix = text_of("suffix", family.suffix);
  if (!prefix || !unit || !suffix || unit->empty() || family.delimiter) return std::nullopt;
  std::string run;
  for (std::int64_t n = 0; n <= std::min(family.to + 1, family.from + lengths_tried); ++n, run += *unit) {
    if (n < family.from) continue;
    const std::vector<Token> whole = encoded(*prefix + run + *suffix), parts = family.sequence(n);
    if (whole == parts) continue;
    std::vector<std::string> good;
    const std::vector<Token> one = encoded(*unit);
    for (const std::string_view separator : separators) {
      const auto [between, left_out] = tokenizer_->encode(separator);
      std::string text = *unit;
      std::vector<Token> expected = one;
      bool same = left_out == 0;
      for (std::int64_t k = 0; k < lengths_tried && same; ++k) {
        text += std::string(separator) + *unit;
        expected = joined(joined(std::move(expected), between), one);
        same = encoded(text) == expected;
      }
      if (same) good.push_back(escaped(separator));
    }
    const auto from = static_cast<std::size_t>(std::mismatch(whole.begin(), whole.end(), parts.begin(), parts.end()).first - whole.begin());
    return fmt::format("The tokenizer splits the text of S_{} otherwise when it is given as a whole: from token {} on into {} in place of {}. The case is about the "
                       "tokens of prefix, unit and suffix, put together.", n, from, pieces_from(whole, from), pieces_from(parts, from)) +
           offered(good, "With delimiter = { every = 1, tokens = SEPARATOR } the split of the run is the same either way for SEPARATOR one of");
  }
  return std::nullopt;
}

std::vector<std::string> Texts::warnings(const Family& family) const {
  std::vector<std::string> sentences;
  if (!any()) return sentences;
  if (auto sentence = shared_digits()) sentences.push_back(std::move(*sentence));
  if (auto sentence = other_split(family)) sentences.push_back(std::move(*sentence));
  return sentences;
}

}  // namespace snellen
