// A loop over independent items on OpenMP's threads. Exceptions reach the caller, and every thread first shows that its arithmetic is IEEE 754's:
// a library built with fast-math may have switched on flush-to-zero in some threads only.
#pragma once

#include <cfenv>
#include <cstddef>
#include <exception>
#include <limits>
#include <stdexcept>

#include "lib/number/work_shares.hpp"

namespace snellen {

inline void require_ieee_arithmetic() {
  const volatile double smallest = std::numeric_limits<double>::denorm_min();
  const volatile float smallest_float = std::numeric_limits<float>::min();
  const volatile float half = smallest_float / 2;
  if (std::fegetround() != FE_TONEAREST || smallest + smallest == 0 || half + half != smallest_float)
    throw std::runtime_error("this thread's floating-point control register is not IEEE 754's default (flush-to-zero or another rounding)");
}

// work(i) for i = 0, ..., count - 1, in any order.
template <class Work>
void parallel_for(std::size_t count, const Work& work) {
  std::exception_ptr failure;
  WorkShares shares(count);
#pragma omp parallel
  {
    bool checked = false;
    while (const auto i = shares.next()) {
      try {
        if (!checked) require_ieee_arithmetic();
        checked = true;
        work(*i);
      } catch (...) {
#pragma omp critical
        if (!failure) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace snellen
