// Keeps OpenMP to the calling thread while it lives: a block of a few columns is not worth waking the others, least of all thousands of times.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace snellen {

#ifdef _OPENMP
class OneThread {
 public:
  explicit OneThread(bool wanted) : before_(omp_get_max_threads()) {
    if (wanted) omp_set_num_threads(1);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_;
};
#else
class OneThread {
 public:
  explicit OneThread(bool) {}
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() {}
};
#endif

}  // namespace snellen
