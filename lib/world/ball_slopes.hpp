// First derivatives of the ball world's scalar functions, each an enclosure of f'(x) for every x of the ball.
#pragma once

#include "lib/model/model.hpp"
#include "lib/number/flint.hpp"

namespace snellen {

// activation'(x); may alias. ReLU: [0, 1] where the ball reaches the kink, which holds every one-sided derivative.
//   silu' = s (1 + x (1 - s)), s = 1/(1 + e^-x);   GELU' = Phi(x) + x phi(x);   tanh GELU = x s(w): s (1 + x (1 - s) w').
void apply_slope(Activation activation, arb_ptr result, arb_srcptr x, long bits);
// d/ds of c tanh(s / c) = 1 - tanh(s / c)^2; may alias.
void apply_softcap_slope(arb_ptr result, arb_srcptr s, double c, long bits);

}  // namespace snellen
