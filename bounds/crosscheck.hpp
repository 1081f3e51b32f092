// The same vectors from two certified worlds that share no arithmetic: the Euclidean balls of `certify` (FLINT/Arb) and intervals (MPFI).
// Two enclosures of one number overlap; if they do not, one of the worlds is wrong.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/progress.hpp"

namespace snellen {

struct Agreement {
  std::string place;          // "embedding", "layer 3", "final norm"
  std::size_t entries = 0;    // compared
  std::size_t disjoint = 0;   // finite in both worlds, and without a common point
  // The fewest correct bits of an entry, relative to the largest entry of its token's vector; -infinity where an enclosure is not finite.
  double ball_bits = 0, interval_bits = 0;
};

// Runs the sequence in both worlds, layer by layer. Slow: the interval world is simple on purpose.
std::vector<Agreement> crosscheck(const Model& model, const std::vector<Column>& columns, long bits, Progress& progress);

}  // namespace snellen
