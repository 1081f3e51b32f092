#include "lib/number/flint_caches.hpp"

#include <mpfr.h>

#include "lib/number/flint.hpp"

namespace snellen {

FlintCaches::~FlintCaches() {
#pragma omp parallel
  {
    flint_cleanup();
    mpfr_free_cache();
  }
}

}  // namespace snellen
