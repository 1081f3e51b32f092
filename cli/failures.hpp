// Ends that no exception announces: a mapped file that cannot be read any more, a library that gives up (FLINT and GMP abort where there is no memory, OpenMP
// exits where there are no threads). Each becomes one line on standard error and an exit code that means neither "proved" nor "refuted".
#pragma once

namespace snellen {

// While one of these lives. To be made once, by main().
class Failures {
 public:
  Failures();
  ~Failures();
  Failures(const Failures&) = delete;
  Failures& operator=(const Failures&) = delete;
};

}  // namespace snellen
