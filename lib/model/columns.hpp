// A block of tokens, one column a token, and what each column may attend to.
//
// The sequences of a family share almost everything: one trunk P.U^N serves every n by causality, and what follows the
// trunk at length n (a suffix, a repeated last token) is a branch. All columns, trunk first, then branch after branch, form one block, so that
// every linear map is one matrix product; a column's view says which part of the memory belongs to its own sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/model/model.hpp"

namespace snellen {

// Column number c of the block also becomes entry number (memory size before the block) + c of every layer's memory.
// It sees entries [0, trunk) and [branch, itself], in this order; their positions are 0, 1, ..., position.
// A trunk column has trunk = 0 and branch = 0.
struct Column {
  Token token = 0;
  std::int64_t position = 0;
  std::size_t trunk = 0;
  std::size_t branch = 0;
};

// The entries a column attends to after its layer's window: two half-open ranges, and the position of the first entry seen.
struct View {
  std::size_t trunk_begin, trunk_end, branch_begin, branch_end;
  std::int64_t first_position;
  std::size_t size() const { return (trunk_end - trunk_begin) + (branch_end - branch_begin); }
  // The i-th entry seen, i < size(); its position is first_position + i.
  std::size_t entry(std::size_t i) const {
    const std::size_t in_trunk = trunk_end - trunk_begin;
    return i < in_trunk ? trunk_begin + i : branch_begin + (i - in_trunk);
  }
};

// The view of `column`, which is memory entry number `self`.
View visible(const Column& column, std::size_t self, std::optional<std::size_t> window);

// Sequences with a shared trunk, as one block.
class SequenceTree {
 public:
  // A trunk of these tokens.
  explicit SequenceTree(const std::vector<Token>& trunk);
  // Adds the sequence trunk[0, length) . tokens and returns the column of its last token (a trunk column where tokens is empty). length + tokens.size() > 0.
  std::size_t add(std::size_t length, const std::vector<Token>& tokens);
  const std::vector<Column>& columns() const { return columns_; }

 private:
  std::size_t trunk_size_;
  std::vector<Column> columns_;
};

}  // namespace snellen
