// The exact product against FLINT's arb_mat_mul on the same balls, both in one run and on one thread, from balls in to balls
// out. A benchmark's name has the stored type and the size of the square weight matrix; its arguments are columns, bits, and
// the path (by digits: 0 portable, 1 SSE2, 2 AVX2, 3 AVX-512, 4 with IFMA; by residues with vectors of 2, 4 and 8 doubles: 5, 6, 7; by bytes: 9 VNNI, 10 AMX). Counters: `ratio`, the median over the iterations of (time of arb_mat_mul)
// / (time of the exact product), each pair timed one after the other; `ns_per_mac`, the exact product's time for one
// multiply-add; `conversion`, the share of it that the block's conversion to fixed point takes. Weights are prepared
// beforehand, as they are once for each model; FLINT's are balls beforehand, too.
#include <benchmark/benchmark.h>

#include <vector>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/exact_product.hpp"
#include "tests/bench/inputs.hpp"
#include "tests/bench/timing.hpp"
#include "tests/threads.hpp"

namespace snellen {
namespace {

void against_flint(benchmark::State& state, Stored stored, std::size_t size) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const long bits = state.range(1);
  const auto path = static_cast<ProductPath>(state.range(2));
  if (!available(path)) return state.SkipWithError("this CPU lacks the path");
  const Threads one(1);
  const PreparedWeights weights(random_weights(size, size, stored));
  const BallMatrix x = random_block(size, columns, bits);
  const BallMatrix balls = exact_balls(weights.tensor(), 0, size);
  std::vector<double> ratios, exact_times, conversion_times;
  // Several products a pair where they are short.
  const std::size_t repeats = 1 + 2000000 / (size * size * columns);
  for (auto _ : state) {
    const double exact = seconds_of(thread_seconds, [&] {
      for (std::size_t r = 0; r < repeats; ++r) benchmark::DoNotOptimize(exact_product(weights, x, bits, path));
    });
    conversion_times.push_back(seconds_of(thread_seconds, [&] {
      for (std::size_t r = 0; r < repeats; ++r) {
        const FixedPointBlock block(x, bits);
        if (by_bytes(path) && ByteWeights::serves(weights)) block.bytes(byte_kernels_of(path).zero);
        else if (!by_residues(path)) block.digits(weights.width());  // those by residues cut their own
      }
    }));
    const double flint = seconds_of(thread_seconds, [&] {
      for (std::size_t r = 0; r < repeats; ++r) {
        BallMatrix product(size, columns);
        arb_mat_mul(product.get(), balls.get(), x.get(), bits);
      }
    });
    ratios.push_back(flint / exact);
    exact_times.push_back(exact);
    state.SetIterationTime(exact);
  }
  state.counters["ratio"] = median(ratios);
  state.counters["ns_per_mac"] = median(exact_times) * 1e9 / static_cast<double>(repeats * size * size * columns);
  state.counters["conversion"] = median(conversion_times) / median(exact_times);
}

void paths_and_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"columns", "bits", "path"})->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
  for (int path : {10, 9, 4, 3, 2, 1, 0, 5, 6, 7})
    for (int columns : {1, 16, 64, 256})
      for (int bits : {128, 256, 384, 704})
        if (path == 3 || path == 4 || path >= 9 || ((columns == 64 || columns == 1) && (bits == 128 || bits == 384))) b->Args({columns, bits, path});
}

void small_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"columns", "bits", "path"})->UseManualTime()->Iterations(21)->Unit(benchmark::kMicrosecond);
  for (int path : {10, 9, 4, 3, 0, 6, 7})
    for (int columns : {1, 4, 16, 64})
      for (int bits : {128, 704}) b->Args({columns, bits, path});
}

BENCHMARK_CAPTURE(against_flint, bf16_576, Stored::bf16, 576)->Apply(paths_and_shapes);
BENCHMARK_CAPTURE(against_flint, fp32_576, Stored::fp32, 576)->Apply(paths_and_shapes);
BENCHMARK_CAPTURE(against_flint, bf16_64, Stored::bf16, 64)->Apply(small_shapes);
BENCHMARK_CAPTURE(against_flint, fp32_64, Stored::fp32, 64)->Apply(small_shapes);
BENCHMARK_CAPTURE(against_flint, bf16_32, Stored::bf16, 32)->Apply(small_shapes);
BENCHMARK_CAPTURE(against_flint, bf16_16, Stored::bf16, 16)->Apply(small_shapes);
BENCHMARK_CAPTURE(against_flint, fp32_16, Stored::fp32, 16)->Apply(small_shapes);

}  // namespace
}  // namespace snellen
