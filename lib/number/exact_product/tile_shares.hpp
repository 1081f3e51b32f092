// The tiles of a product's result, shared out to OpenMP's threads: tiles of rows after each other for one block of columns, whose digits then stay in the cache.
#pragma once

#include <algorithm>
#include <cstddef>

#include "lib/number/work_shares.hpp"

namespace snellen {

// make() is what one thread needs; run(it, tile of rows, first, last) serves the columns [first, last) of a block of `together` at most.
template <class Make, class Run>
void share_tiles(std::size_t tiles, std::size_t columns, std::size_t together, const Make& make, const Run& run) {
  const std::size_t blocks = (columns + together - 1) / together;
  WorkShares jobs(tiles * blocks);
#pragma omp parallel if (tiles * blocks > 1)
  {
    auto own = make();
    while (const auto job = jobs.next()) {
      const std::size_t first = *job / tiles * together;
      run(own, *job % tiles, first, std::min(columns, first + together));
    }
  }
}

}  // namespace snellen
