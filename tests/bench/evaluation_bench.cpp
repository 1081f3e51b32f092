// The whole certified forward pass (bounds/evaluate.hpp: balls through the decoder, the vectors of every length enclosed) of random
// models, as its four sizes grow, one at a time: tokens, width, layers, bits. The models are Llama's kind: rotary positions, heads of 16
// dimensions, a gated MLP twice as wide. Every pass is checked: its vectors are finite and narrow.
// Counters: those of certified_rounds.hpp, and `slope`: by which power of the size that grows the time has grown since the size before.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>

#include "lib/model/synthetic.hpp"
#include "tests/bench/certified_rounds.hpp"
#include "tests/bench/timing.hpp"

namespace snellen {
namespace {

constexpr std::size_t sizes = 4;
using Sizes = std::array<std::int64_t, sizes>;  // tokens, width, layers, bits
constexpr Sizes standard = {128, 64, 2, 384}, from = {16, 32, 1, 128}, to = {1024, 512, 16, 1024};

// The size that grows, and the time it took: of the benchmark before.
struct Point {
  double size = 0, seconds = 0;
};

void cost(benchmark::State& state, std::size_t growing) {
  const auto size = [&](std::size_t which) { return static_cast<std::size_t>(state.range(which)); };
  RandomModel description;
  description.layers = size(2), description.width = size(1), description.heads = size(1) / 16, description.hidden = 2 * size(1);
  const Model model = synthetic_model(description);
  const FamilyBlock block = run_of(size(0), {1, 2, 3}, 4);
  CertifiedRounds rounds(model, block, state.range(3), {"bf16-acc32", "fp32"});
  for (auto _ : state) {
    if (bits_left(rounds.round()) < least_bits_left) return state.SkipWithError("an enclosure is wide");
    state.SetIterationTime(rounds.one().back());
  }
  rounds.set_counters(state);
  static std::array<Point, sizes> points;
  Point& before = points[growing];
  const Point now{static_cast<double>(size(growing)), median(rounds.one())};
  if (before.size > 0 && before.size < now.size)
    state.counters["slope"] = std::log(now.seconds / before.seconds) / std::log(now.size / before.size);
  before = now;
}

template <std::size_t growing>
void growth(benchmark::internal::Benchmark* b) {
  b->ArgNames({"tokens", "width", "layers", "bits"})->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
  Sizes s = standard;
  for (s[growing] = from[growing]; s[growing] <= to[growing]; s[growing] *= 2) b->Args({s.begin(), s.end()});
}

BENCHMARK_CAPTURE(cost, tokens, 0)->Apply(growth<0>);
BENCHMARK_CAPTURE(cost, width, 1)->Apply(growth<1>);
BENCHMARK_CAPTURE(cost, layers, 2)->Apply(growth<2>);
BENCHMARK_CAPTURE(cost, bits, 3)->Apply(growth<3>);

}  // namespace
}  // namespace snellen
