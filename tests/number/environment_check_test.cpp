#include "lib/number/environment_check.hpp"

#include <cfenv>
#include <string>

#ifdef __SSE2__
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/catch.hpp"
#include "tests/threads.hpp"

using namespace snellen;

TEST_CASE("environment check: rounding directions are noticed", "[environment]") {
  CHECK(!floating_point_problem());
  CHECK(!floating_point_problem_of_any_worker());
  int noticed = 0;
  for (const auto& [direction, message] : {std::pair(FE_UPWARD, "rounds upward"), {FE_DOWNWARD, "rounds downward"}, {FE_TOWARDZERO, "rounds towards zero"}}) {
    REQUIRE(std::fesetround(direction) == 0);
    const auto problem = floating_point_problem();
    std::fesetround(FE_TONEAREST);
    REQUIRE(problem);
    CHECK(*problem == message);
    ++noticed;
  }
  CHECK(noticed == 3);
  CHECK(!floating_point_problem());
}

#ifdef __SSE2__
TEST_CASE("environment check: flushed subnormals are noticed", "[environment]") {
  const unsigned int before = _mm_getcsr();
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  const auto flushed = floating_point_problem();
  _mm_setcsr(before);
  REQUIRE(flushed);
  CHECK(*flushed == "flushes subnormal results to zero");
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
  const auto zeroed = floating_point_problem();
  _mm_setcsr(before);
  REQUIRE(zeroed);
  CHECK(*zeroed == "takes subnormal operands for zero");
  // The control word alone may be bent (without fesetround): the arithmetic itself shows it.
  _MM_SET_ROUNDING_MODE(_MM_ROUND_UP);
  const auto bent = floating_point_problem();
  _mm_setcsr(before);
  CHECK(bent);
}

#ifdef _OPENMP
TEST_CASE("environment check: a worker alone may be wrong", "[environment]") {
  const Threads threads(2);
  const auto set_in_worker = [](unsigned int mode) {
#pragma omp parallel
    if (omp_get_thread_num() == 1) _MM_SET_FLUSH_ZERO_MODE(mode);
  };
  set_in_worker(_MM_FLUSH_ZERO_ON);
  bool kept = false;
#pragma omp parallel
  if (omp_get_thread_num() == 1) kept = _MM_GET_FLUSH_ZERO_MODE() == _MM_FLUSH_ZERO_ON;
  if (!kept) {
    WARN("skipped: this OpenMP gives its workers the caller's control register at the beginning of each region (LLVM's does)");
    return;
  }
  const auto problem = floating_point_problem_of_any_worker();
  set_in_worker(_MM_FLUSH_ZERO_OFF);
  REQUIRE(problem);
  CHECK(*problem == "thread 1 flushes subnormal results to zero");
  CHECK(!floating_point_problem_of_any_worker());
}
#endif
#endif
