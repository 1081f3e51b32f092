// Functions of upper bounds, each rounded up, and the 2-norm of balls.
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

inline Magnitude larger(const Magnitude& x, const Magnitude& y) { return x < y ? y : x; }
inline Magnitude least(const Magnitude& x, const Magnitude& y) { return x < y ? x : y; }
inline Magnitude square(const Magnitude& x) { return x * x; }
inline Magnitude root(Magnitude x) { return mag_sqrt(x.get(), x.get()), x; }
inline Magnitude exponential(Magnitude x) { return mag_exp(x.get(), x.get()), x; }
// x/y, y a bound of nothing but itself; infinite for y = 0.
inline Magnitude quotient_of(Magnitude x, const Magnitude& y) { return mag_div(x.get(), x.get(), y.get()), x; }

// At least the 2-norm of whatever lies within the balls, rows [begin, end) of a column.
inline Magnitude norm_of(const BallMatrix& x, std::size_t begin, std::size_t end, std::size_t column) {
  Magnitude sum;
  for (std::size_t i = begin; i < end; ++i) sum += square(Magnitude::of(x(i, column)));
  return root(std::move(sum));
}

}  // namespace snellen
