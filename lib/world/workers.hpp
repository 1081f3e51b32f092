// A loop over independent items on OpenMP's threads. Exceptions reach the caller, and every thread first shows that its arithmetic is IEEE 754's:
// a library built with fast-math may have switched on flush-to-zero in some threads only.
#pragma once

#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <stdexcept>

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
#pragma omp parallel
  {
    bool checked = false;
#pragma omp for schedule(dynamic)
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) {
      try {
        if (!checked) require_ieee_arithmetic();
        checked = true;
        work(static_cast<std::size_t>(i));
      } catch (...) {
#pragma omp critical
        if (!failure) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace snellen
