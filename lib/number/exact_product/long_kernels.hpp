// The inner loop of products whose both sides are long: sums of products of 52-bit digits in 64-bit lanes. Every path returns the same number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/number/exact_product/exact_product.hpp"

namespace snellen {

inline constexpr int long_digit_bits = 52;
inline constexpr std::size_t long_lanes = 8;

// For each lane l < 8: adds sum over k < count of A_kl B_k to the number sum over d < a_digits + b_digits of sums[8 d + l] 2^(52 d), where
// A_kl has the digits a[(k a_digits + i) 8 + l] and B_k the digits b[k b_digits + i], the lowest first, each below 2^52. Carries are passed on:
// afterwards every word but the highest is below 2^52, as they must be before. The whole sum must stay below 2^(52 (a_digits + b_digits)).
void add_long_products(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t count,
                       std::uint64_t* sums, ProductPath path = best_path());

// The fractions A_l B_l for each lane, cut off: digits [digit][8], the lowest first, A_l < 1 the sum of a[8 i + l] 2^(52 (i - a_digits)), so B_l and the result.
// Products of digits two or more places below the result's last digit are left out: the result is at most 1 + 2^-40 of that digit's units too small.
// 0 < out_digits <= a_digits + b_digits, a_digits and b_digits at most most_fraction_digits; the result overlaps no factor.
inline constexpr std::size_t most_fraction_digits = 32;
void multiply_fractions(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t out_digits,
                        std::uint64_t* result, ProductPath path);

// A path's loops.
struct LongKernels {
  // The sums without carries. A word of them gains less than 2^52 for each k, digit of the shorter factor and half of a product:
  // count * 2 * min(a_digits, b_digits) + 1 <= 2^12.
  void (*products)(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t count, std::uint64_t* sums);
  void (*fractions)(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t out_digits, std::uint64_t* result);
};
const LongKernels& long_kernels_of(ProductPath path);
// The CPU must have what the name says.
const LongKernels& avx512_fma_long_kernels();
const LongKernels& avx512_long_kernels();

}  // namespace snellen
