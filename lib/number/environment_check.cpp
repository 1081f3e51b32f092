#include "lib/number/environment_check.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <bit>
#include <cfenv>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "lib/error.hpp"
#include "lib/number/arithmetic.hpp"

namespace snellen {
namespace {

// `volatile`: the processor must compute these, not the compiler.
template <class Real>
std::optional<std::string> arithmetic_problem() {
  using limits = std::numeric_limits<Real>;
  volatile Real one = 1, half_ulp = limits::epsilon() / 2, above_half = half_ulp * (1 + limits::epsilon());
  volatile Real tie = one + half_ulp, up = one + above_half, down = -one - half_ulp;
  if (tie != 1 || up != 1 + limits::epsilon() || down != -1) return "does not round to nearest, ties to even";
  // A comparison would take a subnormal for zero too, where operands are: look at the bits.
  using Bits = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;
  volatile Real smallest_normal = limits::min();
  const Real half = smallest_normal / 2;
  if (std::bit_cast<Bits>(half) == 0) return "flushes subnormal results to zero";
  volatile Real subnormal = limits::denorm_min(), large = 1 / limits::epsilon();
  volatile Real product = subnormal * large;
  if (product != limits::denorm_min() / limits::epsilon()) return "takes subnormal operands for zero";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> floating_point_problem() {
  switch (std::fegetround()) {
    case FE_TONEAREST: break;
    case FE_UPWARD: return "rounds upward";
    case FE_DOWNWARD: return "rounds downward";
    case FE_TOWARDZERO: return "rounds towards zero";
    default: return "rounds in an unknown direction";
  }
  if (auto problem = arithmetic_problem<double>()) return problem;
  return arithmetic_problem<float>();
}

std::optional<std::string> floating_point_problem_of_any_worker() {
  std::optional<std::string> found;
#pragma omp parallel
  {
    if (const auto problem = floating_point_problem()) {
#pragma omp critical(snellen_environment_check)
      if (!found) {
#ifdef _OPENMP
        found = "thread " + std::to_string(omp_get_thread_num()) + " " + *problem;
#else
        found = "the processor " + *problem;
#endif
      }
    }
  }
  return found;
}

void require_sound_arithmetic() {
  if (const auto problem = floating_point_problem_of_any_worker()) {
    throw InputError("floating-point environment", "found that " + *problem + ", expected IEEE arithmetic (a library built with -ffast-math may have "
                                                   "been loaded): nothing computed here could be trusted");
  }
}

}  // namespace snellen
