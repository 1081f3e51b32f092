// Activations of many balls at once, by the exponentials in lanes (lib/number/exp_lanes.hpp).
//
// silu(x) = x s(x), s(x) = 1/(1 + e^-x), encloses silu of a ball with midpoint m and radius r within silu(m) +- r min(|silu'(m)| + c r/2, 1.1):
// silu'' = s(1-s)(2 - x tanh(x/2)) lies in [-1/2, 1/2], and silu' in [-0.1, 1.1]; c is the smaller bound e s(m) (3 + |m|) of |silu''| where m < 0, r < 1.
#pragma once

#include <span>

#include "lib/model/model.hpp"
#include "lib/number/flint.hpp"

namespace snellen {

// y[i] = activation(x[i]), to at most `bits` bits.
void activate(Activation activation, std::span<arb_ptr const> y, std::span<arb_srcptr const> x, long bits);

}  // namespace snellen
