// A ball as a double and what that leaves out.
#pragma once

#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/upward.hpp"

namespace snellen {

// |x - middle| <= radius for every x of the ball.
struct Rough {
  double middle, radius;
};
inline Rough rough(arb_srcptr x) {
  const double middle = arf_get_d(arb_midref(x), ARF_RND_NEAR);
  if (!is_moderate(middle)) return {0, infinite_bound};
  return {middle, upward(upper_double(Magnitude::radius_of(x)) + std::fabs(middle) * 0x1p-52)};
}

}  // namespace snellen
