// Families of sequences S_n = P . U^n . Q and the pairs that are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/error.hpp"
#include "lib/model/columns.hpp"
#include "lib/model/model.hpp"

namespace snellen {

struct Delimiter {
  std::int64_t every = 0;       // run tokens in a group
  std::vector<Token> tokens;    // between groups, never last
};

// A growing sequence of tokens drawn independently, or taken in turn: the first n tokens are the same for every n.
struct Sample {
  std::vector<Token> tokens;
  std::vector<double> weights;  // one a token; empty: equal
  std::uint64_t seed = 0;
  bool in_turn = false;         // the n-th token is tokens[(n - 1) mod tokens.size()]; weights and seed play no part
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

  // The n units (or sampled tokens) with their delimiters, without prefix and suffix: the delimiter stands between groups of `every` run tokens and
  // before the token that opens the next group, so that run(n) is a prefix of run(n + 1) and always ends in a run token.
  std::vector<Token> run(std::int64_t n) const;
  // run(n).size().
  std::int64_t run_length(std::int64_t n) const;
  // Without a sample: run(n + kinds) goes on after run(n) as run(n + 2 kinds) goes on after run(n + kinds), for every n; with delimiters they come back to the
  // same token of a unit after that many units.
  std::int64_t kinds() const;
  // S_n.
  std::vector<Token> sequence(std::int64_t n) const;
  // The two sequences compared at n.
  std::vector<Token> first(std::int64_t n) const { return sequence(n); }
  std::vector<Token> second(std::int64_t n) const;
};

// What makes a family unusable, if anything does.
std::optional<Problem> problem_of(const Family& family);
// The same for a family on a model: token ids beyond the vocabulary, sequences longer than a learned table of positions.
std::optional<Problem> problem_of(const Family& family, const Model& model);

// The most tokens that the sequences of one family may take together, after sharing: lengths are evaluated one by one.
inline constexpr std::int64_t max_family_tokens = 1'000'000;

// All sequences of a family as one block, and where the last token of each pair's two sequences stands in it. Sequences share all the columns that
// causality lets them share: the trunk P.U^n, and branches that are prefixes of one another.
struct FamilyBlock {
  std::vector<Column> columns;
  std::vector<std::size_t> first, second;  // columns, one for each n = from, ..., to
};
FamilyBlock family_block(const Family& family);  // InputError where problem_of(family) finds one

}  // namespace snellen
