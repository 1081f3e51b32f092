#include "bounds/family_text.hpp"

#include <fmt/format.h>

#include <span>

#include "lib/files/sha256.hpp"

namespace snellen {
namespace {

template <class Number>
std::string text_of(const std::vector<Number>& list) {
  constexpr std::size_t shown = 12;
  const std::string all = fmt::format("{}", fmt::join(list, ", "));
  if (list.size() <= shown) return "[" + all + "]";
  return fmt::format("[{}, ... {} in all, sha256 {}]", fmt::join(list.begin(), list.begin() + shown, ", "), list.size(),
                     sha256(std::as_bytes(std::span(all))));
}

}  // namespace

std::string list_text(const std::vector<Token>& tokens) { return text_of(tokens); }

std::string limit_text(const Family& family) {
  if (family.suffix.empty() && family.unit.size() == 1) return list_text(family.unit);
  return fmt::format("{}^n{}, n without end", list_text(family.unit), family.suffix.empty() ? "" : " . " + list_text(family.suffix));
}

std::string family_text(const Family& family) {
  std::string text = family.prefix.empty() ? "" : list_text(family.prefix) + " . ";
  const bool in_turn = family.sample && family.sample->in_turn;
  text += in_turn         ? fmt::format("n tokens of {} in turn", list_text(family.sample->tokens))
          : family.sample ? fmt::format("n tokens sampled from {}{} (seed {})", list_text(family.sample->tokens),
                                      family.sample->weights.empty() ? "" : " with weights " + text_of(family.sample->weights), family.sample->seed)
                        : list_text(family.unit) + "^n";
  if (family.delimiter) text += fmt::format(" with {} after every {}", list_text(family.delimiter->tokens), family.delimiter->every);
  if (!family.suffix.empty()) text += " . " + list_text(family.suffix);
  return text + (family.pair == Pair::next ? ", pairs (S_n, S_n+1)" : ", pairs (S_n, S_n with its last token repeated)");
}

}  // namespace snellen
