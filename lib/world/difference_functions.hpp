// Differences f(y) - f(x) from x, y and d = y - x, by identities in which nothing of the size of f(x) cancels: the result is small because d is, and as
// accurate as d, however small that is. Each encloses f(y) - f(x) for every x, y of their balls with y - x in the ball of d. Proofs: proofs/differences.md.
//
//   logistic  s(y) - s(x) = s(y) (1 - s(x)) (1 - e^{-d})
//   x g(x)    y g(y) - x g(x) = d g(y) + x (g(y) - g(x)):  SiLU (g = s), tanh GELU (g(x) = s(w(x)), w(y) - w(x) = c d (1 + 0.044715 (x^2 + x y + y^2))),
//             GELU (g = Phi):  |Phi(y) - Phi(x) - d phi((x + y)/2)| <= |d|^3/24 max|phi''|,  max|phi''| = phi(0) < 2/5
//   ReLU      d where x, y >= 0;  0 where x, y <= 0;  else between 0 and d
//   c tanh    c tanh(t/c) - c tanh(s/c) = c tanh((t - s)/c) (1 - tanh(s/c) tanh(t/c))
#pragma once

#include "lib/model/model.hpp"
#include "lib/number/flint.hpp"

namespace snellen {

// activation(y) - activation(x); result aliases nothing.
void activation_difference(Activation activation, arb_ptr result, arb_srcptr x, arb_srcptr y, arb_srcptr d, long bits);

// c tanh((s + d) / c) - c tanh(s / c); may alias.
void softcap_difference(arb_ptr result, arb_srcptr s, arb_srcptr d, double c, long bits);

// How a norm's column moves: weights * (y r(y) - x r(x)) for r(x) = (mean(x^2) + epsilon)^{-1/2}, x, y and d centred before that for a layer norm:
//   y r(y) - x r(x) = d r(y) + x (r(y) - r(x)),   r(y) - r(x) = -mean(d (x + y)) r(x)^2 r(y)^2 / (r(x) + r(y)).
// All of `size` entries with a stride each; weights as norm_factors gives them. result aliases nothing.
struct Entries {
  arb_srcptr first;
  slong stride;
  arb_srcptr operator[](std::size_t i) const { return first + static_cast<slong>(i) * stride; }
};
void norm_difference(const Norm& norm, arb_ptr result, slong stride, Entries x, Entries y, Entries d, Entries weights, std::size_t size, long bits);

}  // namespace snellen
