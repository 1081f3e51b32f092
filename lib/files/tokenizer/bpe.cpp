#include "lib/files/tokenizer/bpe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <queue>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {

// In bytes. Work on a hostile vocabulary grows with the square of it.
constexpr std::size_t longest_token = 1000;

// The word as a list: merged symbols keep the place of their left end, the others are dead.
struct Bpe::Symbols {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  struct Symbol {
    std::uint32_t id;
    std::size_t previous, next;
    bool alive = true;
  };
  std::vector<Symbol> list;

  void add(std::uint32_t id) {
    const std::size_t at = list.size();
    if (at > 0) list[at - 1].next = at;
    list.push_back({id, at > 0 ? at - 1 : none, none});
  }
};

Bpe::Bpe(const Vocabulary& vocabulary, const Merges& merges, BpeOptions options, const std::string& place) : options_(std::move(options)) {
  ids_.reserve(vocabulary.size());
  tokens_.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary) {
    if (token.size() > longest_token) throw InputError(place, fmt::format("the token of id {} has {} bytes, expected at most {}", id, token.size(), longest_token));
    const auto [entry, added] = ids_.emplace(token, id);
    if (!added) throw InputError(place, fmt::format("the token {} occurs twice", in_quotes(token)));
    const auto [other, first] = tokens_.emplace(id, &entry->first);
    if (!first) throw InputError(place, fmt::format("the id {} is given to {} and to {}", id, in_quotes(*other->second), in_quotes(token)));
  }
  merges_.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto& [left, right] = merges[i];
    const std::uint32_t l = id_for_merge(left, i, place), r = id_for_merge(right, i, place), result = id_for_merge(std::string(left).append(right), i, place);
    merges_.insert_or_assign(key(l, r), Merge{static_cast<std::uint32_t>(i), result});  // of two equal ones the reference takes the last
  }
  if (options_.unknown) {
    unknown_ = id(*options_.unknown);
    if (!unknown_) throw InputError(place, fmt::format("the unknown token {} is no token", in_quotes(*options_.unknown)));
  }
  if (options_.byte_fallback) {
    for (int b = 0; b < 256; ++b) bytes_.push_back(id(fmt::format("<0x{:02X}>", b)));
  }
}

std::optional<std::uint32_t> Bpe::id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::uint32_t Bpe::id_for_merge(std::string_view token, std::size_t number, const std::string& place) const {
  const auto found = id(token);
  if (!found) throw InputError(place, fmt::format("merge {} needs {}, which is no token", number, in_quotes(token)));
  return *found;
}

std::optional<Token> Bpe::find(std::string_view token) const {
  const auto found = id(token);
  return found ? std::optional<Token>(*found) : std::nullopt;
}

const std::string* Bpe::token(Token id) const {
  if (id < 0 || id > std::numeric_limits<std::uint32_t>::max()) return nullptr;
  const auto found = tokens_.find(static_cast<std::uint32_t>(id));
  return found == tokens_.end() ? nullptr : found->second;
}

void Bpe::merge(Symbols& symbols) const {
  struct Candidate {
    std::uint32_t rank, result;
    std::size_t at;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  auto& list = symbols.list;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto pair_at = [&](std::size_t at) {
    const std::size_t next = list[at].next;
    return next == Symbols::none ? merges_.end() : merges_.find(key(list[at].id, list[next].id));
  };
  const auto propose = [&](std::size_t at) {
    if (const auto found = pair_at(at); found != merges_.end()) candidates.push({found->second.rank, found->second.result, at});
  };
  for (std::size_t at = 0; at < list.size(); ++at) propose(at);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    auto& left = list[best.at];
    if (!left.alive) continue;
    const auto found = pair_at(best.at);
    if (found == merges_.end() || found->second.result != best.result) continue;  // one of the two was merged since
    auto& right = list[left.next];
    right.alive = false;
    left.id = best.result;
    left.next = right.next;
    if (left.next != Symbols::none) list[left.next].previous = best.at;
    if (left.previous != Symbols::none) propose(left.previous);
    propose(best.at);
  }
}

std::size_t Bpe::encode(std::string_view word, std::vector<Token>& tokens) const {
  if (options_.ignore_merges) {
    if (const auto whole = id(word)) {
      tokens.push_back(*whole);
      return 0;
    }
  }
  Symbols symbols;
  symbols.list.reserve(word.size());
  std::size_t left_out = 0;
  bool pending = false;  // an unknown token that more characters may join
  const auto flush = [&] {
    if (pending) symbols.add(*unknown_);
    pending = false;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t size = code_point_at(word, at).size;
    const std::string_view character = word.substr(at, size);
    at += size;
    if (const auto found = id(character)) {
      flush();
      symbols.add(*found);
      continue;
    }
    const auto byte = [&](char c) { return bytes_[static_cast<std::uint8_t>(c)]; };
    if (options_.byte_fallback && std::all_of(character.begin(), character.end(), [&](char c) { return byte(c).has_value(); })) {
      for (const char c : character) symbols.add(*byte(c));  // the reference leaves a pending unknown token for after them
      continue;
    }
    if (!unknown_) {
      ++left_out;
    } else {
      if (!options_.fuse_unknown) flush();
      pending = true;
    }
  }
  flush();
  merge(symbols);
  for (const auto& symbol : symbols.list) {
    if (symbol.alive) tokens.push_back(symbol.id);
  }
  return left_out;
}

}  // namespace snellen
