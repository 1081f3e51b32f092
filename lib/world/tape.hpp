// What a pass through the decoder recorded, to be walked back: reverse-mode differentiation (Griewank and Walther 2008, chapter 3).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lib/world/cotangent.hpp"
#include "lib/world/reverse_attention.hpp"

namespace snellen {

class Tape {
 public:
  // The cotangents of a node's inputs, in their order, from the node's own.
  using Pull = std::function<std::vector<Cotangents>(const Cotangents& dy)>;

  // A node that nothing is differentiated through: its cotangents stay with it.
  std::size_t leaf() { return record({}, {}); }
  std::size_t record(std::vector<std::size_t> inputs, Pull pull) {
    nodes_.push_back({std::move(inputs), std::move(pull)});
    return nodes_.size() - 1;
  }

  // The cotangents of node `to`, from those of node `from` (recorded later, or the same).
  Cotangents pull(std::size_t from, Cotangents dy, std::size_t to, long bits) const;

  // Every attention step that was recorded, in order.
  std::vector<std::shared_ptr<const AttentionStep>> attentions;

 private:
  struct Node {
    std::vector<std::size_t> inputs;
    Pull pull;
  };
  std::vector<Node> nodes_;
};

}  // namespace snellen
