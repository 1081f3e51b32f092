// FLINT keeps caches (constants, memory pools) for each thread. Whoever ran FLINT in OpenMP workers owns one of these, and the
// workers' caches are freed with it.
#pragma once

namespace snellen {

class FlintCaches {
 public:
  FlintCaches() = default;
  FlintCaches(const FlintCaches&) = delete;
  FlintCaches& operator=(const FlintCaches&) = delete;
  ~FlintCaches();
};

}  // namespace snellen
