// How the benchmarks take times. Contenders are timed one after the other, round after round, and compared by the medians of
// each round's ratios: what else happens on the machine meets all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <vector>

namespace snellen {

// The middle one (the upper of two).
inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// The median of a[i] / b[i].
inline double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios(a.size());
  std::transform(a.begin(), a.end(), b.begin(), ratios.begin(), [](double x, double y) { return x / y; });
  return median(ratios);
}

// CPU time of this thread: what else runs on the machine does not count as long as it leaves the caches alone.
inline double thread_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The clock on the wall: the only measure of what several threads gain, and good only on a machine with nothing else to do.
inline double wall_seconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Seconds that work() takes on a clock.
template <class Work>
double seconds_of(double (*clock)(), const Work& work) {
  const double start = clock();
  work();
  return clock() - start;
}

}  // namespace snellen
