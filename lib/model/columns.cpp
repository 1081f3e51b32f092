#include "lib/model/columns.hpp"

#include <algorithm>
#include <stdexcept>

namespace snellen {

View visible(const Column& column, std::size_t self, std::optional<std::size_t> window) {
  const std::size_t own = self + 1 - column.branch;
  std::size_t hidden = 0;
  if (window && column.trunk + own > *window) hidden = column.trunk + own - *window;
  const std::size_t trunk_hidden = std::min(hidden, column.trunk);
  return {trunk_hidden, column.trunk, column.branch + (hidden - trunk_hidden), self + 1, static_cast<std::int64_t>(hidden)};
}

SequenceTree::SequenceTree(const std::vector<Token>& trunk) : trunk_size_(trunk.size()) {
  for (std::size_t i = 0; i < trunk.size(); ++i) columns_.push_back({trunk[i], static_cast<std::int64_t>(i), 0, 0});
}

std::size_t SequenceTree::add(std::size_t length, const std::vector<Token>& tokens) {
  if (length > trunk_size_ || length + tokens.size() == 0) throw std::logic_error("SequenceTree::add: no such sequence");
  if (tokens.empty()) return length - 1;
  const std::size_t branch = columns_.size();
  for (const Token token : tokens) {
    const auto position = static_cast<std::int64_t>(length + (columns_.size() - branch));
    columns_.push_back({token, position, length, branch});
  }
  return columns_.size() - 1;
}

}  // namespace snellen
