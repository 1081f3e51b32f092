#include "lib/files/tokenizer/added_tokens.hpp"

#include <fmt/format.h>

#include <set>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

std::uint64_t edge(std::size_t node, std::uint8_t byte) { return (static_cast<std::uint64_t>(node) << 8) | byte; }

}  // namespace

std::size_t Trie::child(std::size_t node, std::uint8_t byte) const {
  if (node == 0) return root_[byte];
  const auto found = children_.find(edge(node, byte));
  return found == children_.end() ? 0 : found->second;
}

bool Trie::add(std::string_view text, std::size_t value) {
  std::size_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    std::size_t next = child(node, byte);
    if (next == 0) {
      next = values_.size();
      values_.push_back(none);
      if (node == 0) {
        root_[byte] = next;
      } else {
        children_.emplace(edge(node, byte), next);
      }
    }
    node = next;
  }
  if (values_[node] != none) return false;
  values_[node] = value;
  return true;
}

std::optional<Trie::Match> Trie::longest(std::string_view text, std::size_t at) const {
  std::optional<Match> best;
  std::size_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    node = child(node, static_cast<std::uint8_t>(text[i]));
    if (node == 0) break;
    if (values_[node] != none) best = Match{values_[node], i + 1 - at};
  }
  return best;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const std::function<std::string(const std::string&)>& normalize, const std::string& place)
    : tokens_(std::move(tokens)) {
  std::set<std::string_view> contents;
  const AddedToken *strips = nullptr, *begins_with_space = nullptr;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    const auto fail = [&](const std::string& problem) { throw InputError(place, fmt::format("added token {} (id {}): {}", in_quotes(token.content), token.id, problem)); };
    const std::string content = token.normalized ? normalize(token.content) : token.content;
    if (content.empty()) fail("is empty");
    if (token.strip_right) strips = &token;
    if (is_white_space(code_point_at(content, 0).value)) begins_with_space = &token;
    if (!contents.insert(token.content).second) fail("occurs twice");
    if (!by_id_.emplace(token.id, i).second) fail("the id belongs to another added token");
    if (!(token.normalized ? normalized_ : raw_).add(content, i)) fail("is another added token when it is normalised");
  }
  if (strips && begins_with_space) {  // the reference would find the second inside the white space that the first has taken
    throw InputError(place, fmt::format("added token {} with \"rstrip\" beside {}, which begins with white space, is not understood", in_quotes(strips->content),
                                        in_quotes(begins_with_space->content)));
  }
}

const AddedToken* AddedTokens::find(Token id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

std::vector<AddedTokens::Part> AddedTokens::parts(std::string_view text, bool normalized) const {
  const Trie& trie = normalized ? normalized_ : raw_;
  std::vector<Part> parts;
  std::size_t covered = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto match = trie.longest(text, at);
    if (!match) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[match->value];
    std::size_t begin = at, end = at + match->size;
    at = end;
    if (token.single_word && ((begin > 0 && is_word(code_point_before(text, begin).value)) || (end < text.size() && is_word(code_point_at(text, end).value)))) {
      continue;
    }
    if (token.strip_left) {
      while (begin > covered) {
        const CodePoint before = code_point_before(text, begin);
        if (!is_white_space(before.value)) break;
        begin -= before.size;
      }
    }
    if (token.strip_right) {
      while (end < text.size()) {
        const CodePoint after = code_point_at(text, end);
        if (!is_white_space(after.value)) break;
        end += after.size;
      }
    }
    if (covered < begin) parts.push_back({covered, begin, nullptr});
    parts.push_back({begin, end, &token});
    covered = at = end;
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), nullptr});
  return parts;
}

}  // namespace snellen
