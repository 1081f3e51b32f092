// A real number enclosed: lower <= x <= upper, endpoints exact. An enclosure that is not finite says nothing.
#pragma once

#include "lib/number/dyadic.hpp"

namespace snellen {

struct Enclosure {
  Dyadic lower, upper;
  bool is_finite() const { return lower.is_finite() && upper.is_finite(); }
};

}  // namespace snellen
