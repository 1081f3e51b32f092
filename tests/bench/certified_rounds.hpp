// The certified forward pass of a model, round after round: on one thread, on two, and beside it emulated engines' passes.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bounds/engine_run.hpp"
#include "bounds/evaluate.hpp"
#include "lib/world/euclidean.hpp"
#include "tests/bench/timed_world.hpp"

namespace snellen {

// P . 1^n for n = 1, 2, ...: `tokens` tokens in the end, every pair of neighbouring lengths asked for. tokens >= prefix.size() + 2.
FamilyBlock run_of(std::size_t tokens, const std::vector<Token>& prefix, Token unit);

// Counters, for all who time a certified pass:
//   seconds                            CPU time on one thread, the median of the rounds
//   linear, attention, norms, other    the share of it that operations of each kind take (from a pass of its own)
//   two_threads                        how many times faster two threads are, by the clock on the wall
//   core                               the share of a core that one thread had meanwhile: where it is low the machine had other things to
//                                      do, and two_threads says nothing
//   NAME of each engine                how many times longer than that emulated engine's pass the certified one takes
// The model and the block must outlive it.
class CertifiedRounds {
 public:
  CertifiedRounds(const Model& model, const FamilyBlock& block, long bits, std::vector<std::string> engines);

  // Returns what the pass computed: y of every length, as `certify` asks for it. One pass goes before the first round, untimed: what is computed from the weights alone is kept.
  Evaluation round();
  void set_counters(benchmark::State& state) const;

  // One entry a round. two_on_the_wall is empty on a machine of one core.
  const std::vector<double>& one() const { return one_; }
  const std::vector<double>& two_on_the_wall() const { return two_on_the_wall_; }

 private:
  struct Engine {
    Profile profile;
    std::vector<double> seconds;
  };
  Evaluation certified_pass() const;
  OperationTimes operation_times() const;

  const Model& model_;
  const FamilyBlock& block_;
  long bits_;
  std::vector<Engine> engines_;
  bool warm_ = false;
  std::vector<double> one_, one_on_the_wall_, two_on_the_wall_;
};

// Of the vector that is worst: -log2 of its widest entry over its largest. -infinity where one is not finite.
double bits_left(const Evaluation& evaluation);
// A pass with fewer has failed, and its time does not count.
inline constexpr double least_bits_left = 24;

}  // namespace snellen
