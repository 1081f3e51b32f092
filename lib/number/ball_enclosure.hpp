// The end points of a ball.
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/enclosure.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

// lower <= x <= upper for every x of the ball, rounded outward to `bits` bits; infinite where the ball is not finite.
Enclosure enclosure_of(arb_srcptr ball, long bits);
// [lower end of low, upper end of high]: of a number known to be at least the one and at most the other.
Enclosure enclosure_between(arb_srcptr low, arb_srcptr high, long bits);
// The bound itself, rounded up where it has no place in MPFR's exponents.
Dyadic upper_of(const Magnitude& bound);

}  // namespace snellen
