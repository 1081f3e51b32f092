// One layer's attention of an emulated engine over runs of equal tokens, the last of which never ends: where its output changes, and to what. The bits are those of
// the engine's own order of summation, token by token; equal terms that follow one another are added in leaps. Why: `engine_settles`, proofs/engines.md.
#pragma once

#include <atomic>

#include "proofs/checker/engine.hpp"

namespace snellen::check {

// The columns at the positions from `first` on, until the next run's.
struct Run {
  std::int64_t first;
  Column column;
};

class EngineAttention {
 public:
  // Projections of the runs' columns. What is referred to outlives this object. At most `steps` operations are made.
  EngineAttention(const Engine& engine, const Attention& attention, const std::vector<std::int64_t>& firsts, const Engine::Projections& projections, double steps);

  // The heads' outputs at every position from `from` on; nothing where it takes too many steps or columns, or something is not finite.
  std::optional<std::vector<Run>> outputs(std::int64_t from);
  double steps() const { return static_cast<double>(steps_); }
  const std::string& trouble() const { return trouble_; }

 private:
  // `count` equal terms of a softmax.
  struct Term {
    std::size_t run;
    std::int64_t count;
    double weight;  // the score, then its exponential
  };
  // The terms that a query sees, and what follows from them as the last of them, of the query's own run, is repeated m times.
  class Sums;

  std::int64_t end_of(std::size_t run) const { return run + 1 < firsts_.size() ? firsts_[run + 1] : for_ever; }
  std::vector<Term> terms(std::size_t head, std::size_t run, std::int64_t position) const;
  // Of one head, at the positions of one run from `from` on. False where it takes too many steps.
  bool changes(std::size_t head, std::size_t run, std::int64_t from, std::vector<Run>& result) const;
  bool spend(double steps) const { return (steps_ += static_cast<std::int64_t>(steps)) <= limit_; }

  static constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();
  const Engine& engine_;
  const Attention& attention_;
  const std::vector<std::int64_t>& firsts_;
  const Engine::Projections& p_;
  double limit_;
  mutable std::atomic<std::int64_t> steps_ = 0;
  std::string trouble_;
};

}  // namespace snellen::check
