// Derivatives of the activations, as balls: of any size of the argument.
#pragma once

#include "lib/model/model.hpp"
#include "lib/number/ball_matrix.hpp"

namespace snellen {

// Contains f' on the ball x, of ReLU every slope between two of its points. Each |f'| has a bound of its own on the whole line (proofs/majorant.md, `slopes`), so that the
// result is finite for every x.
Ball activation_derivative(Activation activation, arb_srcptr x, long bits);

}  // namespace snellen
