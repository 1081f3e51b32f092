// Exponentials and logistic functions of many balls at once: eight numbers in lanes, as fractions in digits of 52 bits, by the integer kernels of
// exact_product/.
//
// Every number x is reduced to r = x - n log 2 in [0, log 2 + 2^-28) and its first 2 x 8 bits are taken off: r = i/2^8 + j/2^16 + s, s < 2^-16.
//   e^x = 2^n e^(i/2^8) (1 + (e^(j/2^16) - 1)) (1 + f),  f = s + s (s (1/2! + s (1/3! + ... + s/N!))),
// the exponentials from tables (FLINT's, made once), Horner's rule with as many digits as s^k leaves to its k-th step. 1 / (1 + t) by Newton's
// iteration from below: with R <= 1/(1+t) and e = 1 - R - tR >= 0, R + Re = (1 - e^2)/(1 + t).
//
// Errors, in units u = 2^-(52 digits): products drop digits that are below u / 2^40 and cut the rest off, so that each is at most 1 + 2^-40 units too
// small; the first step's r is within 2 u. Step k of Horner's rule has an error of 3.1 of its own units (the product, the cut of s to its digits, the
// cut of 1/k!), which s^k < 2^-16k takes to at most 3.1 u; the terms that are left out are below u. So f is within (3.2 N + 6) u, and the mantissa,
// e^r / 4, within (3.2 N + 12) u; e^x >= 2^n has a relative error of at most 4 (3.2 N + 12) u < 2^10 u for N <= 64. R is within 16 u (at most 3 u
// from each of the last products, and below 2^-7 u Newton's own), relative to R >= 1/2 and together with t's relative error 2^10 u at most
// 2^10.2 u, and t R again 2^11.2 u. Bits taken for errors: 11 for the exponential, 12 for the logistic function.
//
// The result is the same bits on every path (the sums are exact, the same products are dropped everywhere).
#pragma once

#include <span>

#include "lib/number/exact_product/exact_product.hpp"

namespace snellen {

// y[i] contains exp of every point of y[i] before. The midpoint has about precision[i] >= 2 correct bits; a number beyond the lanes' range (|x| > 1000, more
// than 1200 bits) is FLINT's.
void exponentials(std::span<arb_ptr const> y, std::span<const slong> precision, ProductPath path = best_path());

// y[i] contains 1 / (1 + exp(-x)) for the *midpoint* x of x[i]; its relative error is below 2^-precision[i].
void logistics_of_midpoints(std::span<arb_ptr const> y, std::span<arb_srcptr const> x, std::span<const slong> precision, ProductPath path = best_path());

// Eight numbers x = X 2^unit, 0 <= x <= 1000, in digits [digits][8] of X, 2 <= digits <= 24, unit + 52 digits <= most_logistic_top (the two highest digits choose n: they must reach far below 1): those of the fractions 1 / (1 + exp(-x)), each within 2^11 units of its last digit
// (R's 2^10.2 u as above; X cut off for the reduction loses a unit of a digit more than the result has).
inline constexpr slong most_logistic_top = 40;
void logistics(const std::uint64_t* x, std::size_t digits, slong unit, std::uint64_t* y, ProductPath path = best_path());

}  // namespace snellen
