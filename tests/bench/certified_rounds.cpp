#include "tests/bench/certified_rounds.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/bench/timing.hpp"
#include "tests/threads.hpp"

namespace snellen {

FamilyBlock run_of(std::size_t tokens, const std::vector<Token>& prefix, Token unit) {
  Family family;
  family.prefix = prefix;
  family.unit = {unit};
  family.from = 1;
  family.to = static_cast<std::int64_t>(tokens - prefix.size()) - 1;
  return family_block(family);
}

CertifiedRounds::CertifiedRounds(const Model& model, const FamilyBlock& block, long bits, std::vector<std::string> engines)
    : model_(model), block_(block), bits_(bits) {
  for (const std::string& name : engines) engines_.push_back({find_profile(name).value(), {}});
}

Evaluation CertifiedRounds::certified_pass() const {
  SilentProgress silent;
  return evaluate(model_, block_, Place::final, false, bits_, silent);
}

Evaluation CertifiedRounds::round() {
  Evaluation result;
  if (!warm_) certified_pass();
  warm_ = true;
  {
    const Threads thread(1);
    one_on_the_wall_.push_back(seconds_of(wall_seconds, [&] {
      one_.push_back(seconds_of(thread_seconds, [&] { result = certified_pass(); }));
    }));
  }
  if (std::thread::hardware_concurrency() > 1) {
    const Threads threads(2);
    two_on_the_wall_.push_back(seconds_of(wall_seconds, [&] { certified_pass(); }));
  }
  const Threads thread(1);
  for (Engine& engine : engines_)
    engine.seconds.push_back(seconds_of(thread_seconds, [&] {
      SilentProgress silent;
      run_engine(model_, engine.profile, block_, Place::final, false, silent);
    }));
  return result;
}

OperationTimes CertifiedRounds::operation_times() const {
  const Threads thread(1);
  OperationTimes times;
  const EuclideanWorld euclidean(bits_);
  const TimedWorld<EuclideanWorld> world(euclidean, times);
  const Decoder<TimedWorld<EuclideanWorld>> decoder(model_, world);
  Decoder<TimedWorld<EuclideanWorld>>::Memory memory;
  decoder.final(decoder.hidden(block_.columns, memory));
  return times;
}

void CertifiedRounds::set_counters(benchmark::State& state) const {
  const OperationTimes times = operation_times();
  state.counters["seconds"] = median(one_);
  state.counters["linear"] = times.linear / times.total();
  state.counters["attention"] = times.attention / times.total();
  state.counters["norms"] = times.norms / times.total();
  state.counters["other"] = times.other / times.total();
  state.counters["core"] = median_ratio(one_, one_on_the_wall_);
  if (!two_on_the_wall_.empty()) state.counters["two_threads"] = median_ratio(one_on_the_wall_, two_on_the_wall_);
  for (const Engine& engine : engines_) state.counters[engine.profile.name] = median_ratio(one_, engine.seconds);
}

double bits_left(const Evaluation& evaluation) {
  double least = INFINITY;
  for (const CertifiedVector& vector : evaluation.vectors) {
    double largest = 0, widest = 0;
    for (const Enclosure& entry : vector) {
      if (!entry.is_finite()) return -INFINITY;
      Dyadic width;
      mpfr_sub(width.get(), entry.upper.get(), entry.lower.get(), MPFR_RNDU);
      widest = std::max(widest, width.to_double(MPFR_RNDU));
      largest = std::max(largest, std::abs(entry.lower.to_double(MPFR_RNDN)));
    }
    least = std::min(least, std::log2(largest / widest));
  }
  return least;
}

}  // namespace snellen
