#include "proofs/checker/chord.hpp"

namespace snellen::check {

Chord chord(const IntervalArithmetic& a, const Number* query, std::span<const std::int64_t> multiples, const Upper& longest_key, std::size_t points) {
  // |s'| <= |(K_f |q_f|)|_2 |k|_2 and |s''| <= |(K_f^2 |q_f|)|_2 |k|_2 by the phase.
  const std::size_t planes = multiples.size();
  Upper slope, bend;
  for (std::size_t f = 0; f < planes; ++f) {
    const Upper x = Upper::magnitude(query[f]), y = Upper::magnitude(query[f + planes]), one = (x * x + y * y).root() * Upper(static_cast<double>(multiples[f])),
                two = one * Upper(static_cast<double>(multiples[f]));
    slope += one * one, bend += two * two;
  }
  slope = slope.root() * longest_key, bend = bend.root() * longest_key;
  Number cell = a.zero();
  a.pi(cell);
  a.mul(cell, cell, 2.0 / static_cast<double>(points));
  const Upper width = Upper::magnitude(cell);
  Chord result;
  result.half_cell = (slope * width.scaled(-1)).expm1() + Upper(1);
  result.curvature = width * width * (slope * slope + bend) * result.half_cell * Upper(0.125);
  return result;
}

}  // namespace snellen::check
