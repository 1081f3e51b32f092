// The exact product against FLINT's arb_mat_mul on the same balls, both in one run and on one thread, from balls in to balls
// out. A benchmark's name has the stored type and the size of the square weight matrix; its arguments are columns, bits, and
// the path (0 portable, 1 SSE2, 2 AVX2, 3 AVX-512). Counters: `ratio`, the median over the iterations of (time of arb_mat_mul)
// / (time of the exact product), each pair timed one after the other; `ns_per_mac`, the exact product's time for one
// multiply-add; `conversion`, the share of it that the block's conversion to fixed point takes. Weights are prepared
// beforehand, as they are once for each model; FLINT's are balls beforehand, too.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/threads.hpp"

namespace snellen {
namespace {

enum class Stored { bf16, fp32 };

// Sums of uniform integers: bell-shaped, as weights and activations are.
double bell(SplitMix64& random) {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += static_cast<double>(random.next() >> 11) * 0x1p-53;
  return sum;
}

TensorPtr random_weights(std::size_t rows, std::size_t columns, Stored stored) {
  SplitMix64 random(1);
  std::vector<double> values(rows * columns);
  for (double& value : values) {
    auto word = std::bit_cast<std::uint32_t>(static_cast<float>(bell(random) / 16));
    if (stored == Stored::bf16) word &= 0xffff0000u;
    value = std::bit_cast<float>(word);
  }
  return std::make_shared<DenseTensor>(rows, columns, std::move(values));
}

// Midpoints of `bits` bits, radii of about their last one.
BallMatrix random_block(std::size_t rows, std::size_t columns, long bits) {
  SplitMix64 random(2);
  BallMatrix x(rows, columns);
  Ball small;
  for (std::size_t k = 0; k < rows; ++k)
    for (std::size_t j = 0; j < columns; ++j) {
      arb_set_d(x(k, j), bell(random));
      for (long scale = -52; scale > -bits; scale -= 52) {
        arb_set_d(small, bell(random));
        arb_mul_2exp_si(small, small, scale);
        arb_add(x(k, j), x(k, j), small, bits);
      }
      mag_set_ui_2exp_si(arb_radref(x(k, j)), 1 + (random.next() >> 34), -bits - 31);
    }
  return x;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// CPU time of this thread: what else runs on the machine does not count as long as it leaves the caches alone.
double seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void against_flint(benchmark::State& state, Stored stored, std::size_t size) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const long bits = state.range(1);
  const auto path = static_cast<ProductPath>(state.range(2));
  if (!available(path)) return state.SkipWithError("this CPU lacks the path");
  const Threads one(1);
  const PreparedWeights weights(random_weights(size, size, stored));
  const BallMatrix x = random_block(size, columns, bits);
  BallMatrix balls(size, size);
  std::vector<double> row(size), ratios, exact_times, conversion_times;
  for (std::size_t i = 0; i < size; ++i) {
    weights.tensor().read_row(i, row);
    for (std::size_t k = 0; k < size; ++k) arb_set_d(balls(i, k), row[k]);
  }
  // Several products a pair where they are short.
  const std::size_t repeats = 1 + 2000000 / (size * size * columns);
  for (auto _ : state) {
    double start = seconds();
    for (std::size_t r = 0; r < repeats; ++r) benchmark::DoNotOptimize(exact_product(weights, x, bits, path));
    const double exact = seconds() - start;
    start = seconds();
    for (std::size_t r = 0; r < repeats; ++r) FixedPointBlock(x, bits).digits(weights.width());
    conversion_times.push_back(seconds() - start);
    start = seconds();
    for (std::size_t r = 0; r < repeats; ++r) {
      BallMatrix product(size, columns);
      arb_mat_mul(product.get(), balls.get(), x.get(), bits);
    }
    ratios.push_back((seconds() - start) / exact);
    exact_times.push_back(exact);
    state.SetIterationTime(exact);
  }
  state.counters["ratio"] = median(ratios);
  state.counters["ns_per_mac"] = median(exact_times) * 1e9 / static_cast<double>(repeats * size * size * columns);
  state.counters["conversion"] = median(conversion_times) / median(exact_times);
}

void paths_and_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"columns", "bits", "path"})->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
  for (int path : {3, 2, 1, 0})
    for (int columns : {1, 16, 64, 256})
      for (int bits : {128, 256, 384, 704})
        if (path == 3 || ((columns == 64 || columns == 1) && (bits == 128 || bits == 384))) b->Args({columns, bits, path});
}

void small_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"columns", "bits", "path"})->UseManualTime()->Iterations(21)->Unit(benchmark::kMicrosecond);
  for (int path : {3, 0})
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

BENCHMARK_MAIN();
