// Certified vectors with chosen ends, made the only way there is: by a certified world.
#pragma once

#include <utility>
#include <vector>

#include "lib/world/scalar.hpp"

namespace snellen::testing {

// Entries [lower, upper], exactly.
inline CertifiedVector certified(const std::vector<std::pair<double, double>>& ends) {
  const IntervalWorld world(64);
  IntervalWorld::Block block{ends.size(), 1, {}};
  for (const auto& [lower, upper] : ends) {
    IntervalWorld::Number x = IntervalArithmetic(64).zero();
    mpfi_interv_d(x.backend().data(), lower, upper);
    block.values.push_back(x);
  }
  return certified_column(world, block, 0);
}

inline CertifiedVector point(const std::vector<double>& values) {
  std::vector<std::pair<double, double>> ends;
  for (const double value : values) ends.emplace_back(value, value);
  return certified(ends);
}

}  // namespace snellen::testing
