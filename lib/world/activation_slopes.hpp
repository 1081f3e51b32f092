// Derivatives of the activations, in doubles with an error: what first-order bounds need. Proofs: proofs/norms.md, "Activations".
#pragma once

#include "lib/model/model.hpp"

namespace snellen {

// |f'(x)| <= lipschitz for every x; |f'(x) - f'(y)| <= curvature |x - y| (relu: infinite).
struct ActivationBounds { double lipschitz, curvature; };
ActivationBounds activation_bounds(Activation activation);

struct SlopeEnclosure { double value, error; };
// f'(x), given x and value = f(x) up to value_error, x moderate.
SlopeEnclosure activation_slope(Activation activation, double x, double value, double value_error);

}  // namespace snellen
