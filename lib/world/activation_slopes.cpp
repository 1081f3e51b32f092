#include "lib/world/activation_slopes.hpp"

#include <cmath>

#include "lib/number/exponential.hpp"
#include "lib/number/upward.hpp"

namespace snellen {

ActivationBounds activation_bounds(Activation activation) {
  switch (activation) {
    case Activation::identity: return {1, 0};
    case Activation::relu: return {1, infinite_bound};
    case Activation::silu: return {1.125, 0.5};
    case Activation::gelu_exact: return {1.25, 0.8125};
    case Activation::gelu_tanh: return {2.25, 2};
  }
  return {infinite_bound, infinite_bound};
}

SlopeEnclosure activation_slope(Activation activation, double x, double value, double value_error) {
  switch (activation) {
    case Activation::identity: return {1, 0};
    case Activation::relu: return {x > 0 ? 1.0 : 0.0, 0};
    case Activation::silu: {  // s + x s (1 - s)
      const double s = near_sigmoid(x);
      return {s + x * s * (1 - s), 0x1p-40 * (1 + std::fabs(x))};
    }
    case Activation::gelu_exact: {  // Phi(x) + x Phi'(x), Phi(x) = f(x) / x; near zero Phi(x) = 1/2 + x Phi'(0) up to |x|^3 / 15
      const double density = 0x1.9884533d43651p-2;  // 1 / sqrt(2 pi)
      const double tail = x * density * near_exp(-0.5 * x * x);
      if (std::fabs(x) < 0x1p-10) return {0.5 + x * density + tail, 0x1p-33};
      return {value / x + tail, 0x1p-40 * (1 + std::fabs(x)) + 0x1p11 * value_error};
    }
    case Activation::gelu_tanh: {  // x s(w), w = 2 sqrt(2/pi) (x + 0.044715 x^3): s + x s (1 - s) w'
      const double c = 0x1.9884533d43651p+0, cubic = 0.044715;
      // Beyond 16 the slope is 1 or 0 to 2^-100: x s (1 - s) w' < x (1.6 + 0.22 x^2) e^-w with w > 1.59 |x| + 0.07 |x|^3.
      if (std::fabs(x) > 16) return {x > 0 ? 1.0 : 0.0, 0x1p-100};
      const double s = near_sigmoid(c * (x + cubic * x * x * x));
      return {s + x * s * (1 - s) * c * (1 + 3 * cubic * x * x), 0x1p-32};
    }
  }
  return {0, infinite_bound};
}

}  // namespace snellen
