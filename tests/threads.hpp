// OpenMP's number of threads for the length of a scope (no effect in a build without OpenMP).
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace snellen {

class Threads {
 public:
#ifdef _OPENMP
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
#else
  explicit Threads(int) {}
#endif
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
#ifdef _OPENMP
  int before_;
#endif
};

}  // namespace snellen
