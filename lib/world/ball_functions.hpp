// Scalar pieces of the ball world: constants of the model and activations, each an enclosure of the exact real value.
#pragma once

#include "lib/model/model.hpp"
#include "lib/number/ball_matrix.hpp"

namespace snellen {

// entries[i * stride] = entry i of a row of the table, exactly.
void set_row(arb_ptr entries, slong stride, const Tensor& table, std::size_t row);
// What a norm multiplies each of its `size` entries by: w, 1 + w, or one.
BallVector norm_factors(const Norm& n, std::size_t size, long bits);
// sqrt(radicand) or 1/sqrt(radicand).
void set_root(arb_ptr result, const Root& root, long bits);
// 2^(-numerator/denominator).
void set_slope(arb_ptr result, const Slope& slope, long bits);
// e^(slope position), position of either sign: a token's weight under ALiBi but for a factor that all tokens share.
void set_alibi_factor(arb_ptr result, const Slope& slope, std::int64_t position, long bits);
// base^(-2f/dimensions): the rotary (or sinusoidal) frequency of pair f, base an exact double.
void set_frequency(arb_ptr result, double base, std::size_t f, std::size_t dimensions, long bits);
// activation(x); may alias.
// 2 sqrt(2/pi) (x + 0.044715 x^3), Hendrycks and Gimpel 2016: gelu_tanh(x) = x / (1 + exp(-this)). The decimal is taken exactly, as 44715 / 10^6.
void gelu_tanh_argument(arb_ptr result, arb_srcptr x, long bits);
void apply(Activation activation, arb_ptr result, arb_srcptr x, long bits);
// c tanh(s / c); may alias.
void apply_softcap(arb_ptr result, arb_srcptr s, double c, long bits);

}  // namespace snellen
