// The decoder's operations on vectors in fixed point, with the errors of whole columns (lib/number/fixed_columns.hpp). Each returns nothing where fixed point does
// not serve: exponents out of range, a kind of norm or activation without a form here. The ball world then does.
//
// Notation: a column of n entries x = m 2^unit + e, |e|_2 <= error, |m 2^unit| <= 2^top; products of fractions (long_kernels.hpp) are at most 2 units too small.
#pragma once

#include <optional>

#include "lib/model/model.hpp"
#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/fixed_columns.hpp"

namespace snellen {

// Fewer bits than this are left to balls: two digits would cost the same, and whoever asks for few bits means to see what they are worth.
inline constexpr long least_fixed_bits = 64;

// Enough digits for a branch whose results are to have `bits` bits below their largest entry: what tops that are only bounds lose, and 11 bits of silu's.
inline std::size_t fixed_digits(long bits) { return static_cast<std::size_t>((bits + 32 + long_digit_bits - 1) / long_digit_bits); }

// n(x) over whole columns, x balls: y_i = x_i f w_i, f = 1 / sqrt(mean(x^2) + epsilon) (x centred for a layer norm). With x' within d = |r|_2 + sqrt(n) 2^(x's unit) of x,
// |x'_i| <= 2^t, f' <= 2^p within e_f of f, w' within e_w of w, |w'_i| <= 2^q, and the units u_1 and u_2 of the two products,
//   |y - y'|_2 <= 2^q ((2^p + e_f) d + sqrt(n) 2^t e_f + 2 sqrt(n) u_1) + (sqrt(n) 2^t + d) (2^p + e_f) e_w + 2 sqrt(n) u_2:
// x f w - x' f' w' = (x - x') f w' + x' (f - f') w' + x f (w - w'), and what the products cut off.
// Nothing below least_fixed_bits, so that a branch that begins with a norm is in balls.
std::optional<FixedColumns> fixed_norm(const Norm& n, const BallMatrix& x, long bits, ProductPath path = best_path());

// silu: |f'| < 1.1 takes the error along. s' within 2^11 2^(-52 digits) of s = 1 / (1 + e^-|x|); f = x s or x (1 - s), cut off:
//   |y - y'|_2 <= 1.1 error + sqrt(n) (2^11 2^(top - 52 digits) + 2 2^unit) <= 1.1 error + sqrt(n) 2^(unit + 11).
std::optional<FixedColumns> fixed_activation(Activation activation, const FixedColumns& x, ProductPath path = best_path());

// |x y - z|_2 <= max |x'| e_y + max |y'| e_x + e_x e_y + 2 sqrt(n) 2^(z's unit).
std::optional<FixedColumns> fixed_multiply(const FixedColumns& x, const FixedColumns& y, ProductPath path = best_path());

}  // namespace snellen
