// One head of an emulated engine's attention over runs of equal tokens: the bits of RoundedWorld::attend at every position, in time that grows with the number
// of runs and of changes, not of tokens. Why: proofs/engines.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "lib/world/repeated_sum.hpp"
#include "lib/world/rounded_shared.hpp"

namespace snellen {

struct RunLimits {
  std::size_t runs = std::size_t(1) << 18;         // of one block
  std::int64_t steps = std::int64_t(1) << 32;      // of one layer's attention: sums, products and jumps, roughly
};

// More runs or steps than the limits allow.
struct RunLimitReached : std::runtime_error {
  RunLimitReached() : std::runtime_error("more distinct tokens or steps than the limits allow") {}
};

// The formats that attention rounds to.
struct RunArithmetic {
  explicit RunArithmetic(const Profile& profile)
      : storage(profile.storage), softmax(profile.softmax), probability(profile.probability), cache(profile.cache), accumulator(profile.accumulator) {}
  FormatArithmetic storage, softmax, probability, cache, accumulator;
};

class RunAttention {
 public:
  // The output of a head, [head size], from this position on.
  struct Change {
    std::int64_t position;
    std::vector<double> values;
  };

  // Keys and values, one column a run; run r begins at position starts[r], starts[0] = 0, the last one never ends. What is referred to outlives this object.
  RunAttention(const RunArithmetic& arithmetic, const Attention& attention, const std::vector<std::int64_t>& starts, RoundedWorld::Block keys,
               RoundedWorld::Block values, const RunLimits& limits);

  // The outputs of head h at the positions first, ..., last of one run, all with this query [heads * head size]: where and to what they change, ascending, beginning
  // with `first`. `last` is the largest std::int64_t where the run never ends. Safe to call from several threads.
  std::vector<Change> outputs(const double* query, std::size_t h, std::int64_t first, std::int64_t last) const;
  // The least position >= first, all of whose later ones have this query, from which on the sum of exponentials changes no more.
  std::int64_t settled_from(const double* query, std::size_t h, std::int64_t first) const;

 private:
  // `count` equal terms.
  struct Term {
    std::size_t run;
    std::int64_t count;
    double weight;  // the score, then its exponential
  };
  class Mix;

  Term term(const double* query, std::size_t h, std::size_t run, std::int64_t count, std::int64_t distance) const;
  // The terms that a query at `position` sees, the last of them those of its own run.
  std::vector<Term> terms(const double* query, std::size_t h, std::int64_t position) const;
  void spend(std::size_t steps) const;
  double store(double x) const;

  const RunArithmetic& by_;
  const Attention& attention_;
  const std::vector<std::int64_t>& starts_;
  RoundedWorld::Block keys_, values_;
  Scores score_;
  RepeatedSum sum_, accumulate_;
  RunLimits limits_;
  mutable std::atomic<std::int64_t> spent_ = 0;
};

}  // namespace snellen
