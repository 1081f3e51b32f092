// Families of sequences S_n = P . U^n . Q and the pairs that are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/model/columns.hpp"

namespace snellen {

struct Delimiter {
  std::size_t every = 0;        // run tokens in a group
  std::vector<Token> tokens;    // between groups, never last
};

// A growing sequence of tokens drawn independently: the first n tokens are the same for every n.
struct Sample {
  std::vector<Token> tokens;
  std::vector<double> weights;  // one a token; empty: equal
  std::uint64_t seed = 0;
};

enum class Pair {
  next,         // (S_n, S_{n+1})
  repeat_last,  // (S_n, S_n with its last token once more)
};

struct Family {
  std::vector<Token> prefix;
  std::vector<Token> unit;       // empty iff sample is set
  std::optional<Sample> sample;
  std::vector<Token> suffix;
  std::optional<Delimiter> delimiter;
  Pair pair = Pair::next;
  std::int64_t from = 1, to = 1;  // the pairs with from <= n <= to

  // The n units (or sampled tokens) with their delimiters, without prefix and suffix.
  std::vector<Token> run(std::int64_t n) const;
  // S_n.
  std::vector<Token> sequence(std::int64_t n) const;
  // The two sequences compared at n.
  std::vector<Token> first(std::int64_t n) const { return sequence(n); }
  std::vector<Token> second(std::int64_t n) const;
};

// All sequences of a family as one block, and where the last token of each pair's two sequences stands in it.
struct FamilyBlock {
  std::vector<Column> columns;
  std::vector<std::size_t> first, second;  // columns, one for each n = from, ..., to
};
FamilyBlock family_block(const Family& family);

}  // namespace snellen
