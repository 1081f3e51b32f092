#include "lib/number/work_shares.hpp"

#include "lib/world/workers.hpp"
#include "tests/catch.hpp"
#include "tests/threads.hpp"

using namespace snellen;

namespace {

}  // namespace

TEST_CASE("every number is shared out once, to however many threads") {
  std::size_t numbers = 0;
  for (const int threads : {1, 2, 3, 7}) {
    const Threads set(threads);
    for (const std::size_t count : {0, 1, 2, 3, 6, 7, 8, 100, 10007}) {
      INFO(threads << " threads, " << count);
      std::vector<std::atomic<int>> times(count);
      std::atomic<int> others = 0;
      WorkShares shares(count);
#pragma omp parallel
      while (const auto i = shares.next()) ++(*i < count ? times[*i] : others);
      REQUIRE(others == 0);
      for (const auto& one : times) REQUIRE(one == 1);
      REQUIRE(shares.next() == std::nullopt);
      numbers += count;
    }
  }
  REQUIRE(numbers == 4 * 10134);
}

TEST_CASE("one thread takes its own part from the beginning and the others' from their ends") {
  const Threads set(2);
  WorkShares shares(7);  // 0 to 2, and 3 to 6
  std::vector<std::size_t> order;
  while (const auto i = shares.next()) order.push_back(*i);
#ifdef _OPENMP
  REQUIRE(order == std::vector<std::size_t>{0, 1, 2, 6, 5, 4, 3});
#else
  REQUIRE(order == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6});
#endif
}

TEST_CASE("loops within loops, failures, and more numbers than can be shared") {
  const Threads set(3);
  std::atomic<std::size_t> sum = 0;
  parallel_for(20, [&](std::size_t i) { parallel_for(30, [&](std::size_t j) { sum += i * 30 + j; }); });
  REQUIRE(sum == 600 * 599 / 2);
  std::atomic<int> others = 0;
  REQUIRE_THROWS_AS(parallel_for(50, [&](std::size_t i) { i == 31 ? throw std::domain_error("31") : void(++others); }), std::domain_error);
  REQUIRE(others == 49);
  REQUIRE_THROWS_AS(WorkShares(std::size_t{1} << 32), std::length_error);
}
