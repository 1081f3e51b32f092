// What a head's sums over known tokens are off the line between two neighbouring points of the circle (`chord` of proofs/rope.md).
#pragma once

#include <span>

#include "proofs/checker/taylor.hpp"

namespace snellen::check {

// The query turns by the phase t, its plane f (entries f and f + planes) by multiples[f] t; keys are at most `longest_key` long. Cells are 2 pi / points wide.
struct Chord {
  Upper half_cell;  // a weight anywhere in a cell is at most this times the larger one at the cell's ends
  Upper curvature;  // a weighted sum is within this of the linear function between the cell's ends, times the larger sum of the weights' sizes there
};
Chord chord(const IntervalArithmetic& a, const Number* query, std::span<const std::int64_t> multiples, const Upper& longest_key, std::size_t points);

}  // namespace snellen::check
