// An emulated engine on P . a^n for every n: each layer's columns at every position, as runs of equal ones, the last without end (`engine_settles`, proofs/engines.md).
#pragma once

#include "proofs/checker/engine_attention.hpp"
#include "proofs/checker/work.hpp"

namespace snellen::check {

class EngineRun {
 public:
  // All layers but the last. What is referred to outlives this object.
  EngineRun(const Model& model, const std::vector<Token>& prefix, Token token, const EngineProfile& profile, Budget& budget);

  // The last layer's columns, at the positions from this one on. False: trouble() says why there are none.
  bool follow(std::int64_t from);
  const std::string& trouble() const { return trouble_; }

  const std::vector<Run>& hidden() const { return hidden_; }            // x(L)
  const std::vector<Column>& finals() const { return finals_; }         // y of each
  std::vector<std::int64_t> next_tokens(const std::vector<Column>& finals) const { return engine_.next_tokens(finals); }

 private:
  // One layer, at the positions from `from` on.
  std::vector<Run> through(const Layer& layer, const std::vector<Run>& runs, std::int64_t from);

  const Model& model_;
  Engine engine_;
  Budget& budget_;
  std::vector<Run> below_, hidden_;  // what the last layer reads, at every position; what it makes, from where it was asked for
  std::vector<Column> finals_;
  std::string trouble_;
};

}  // namespace snellen::check
