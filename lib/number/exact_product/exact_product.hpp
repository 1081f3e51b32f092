// Y = W X for an exact weight matrix W [out, in] and a block X [in, columns] of balls: the midpoints by exact integer
// arithmetic, the radii by one fixed rule.
//
// With the notation of prepared_weights.hpp and fixed_point_block.hpp, s_i the row's scale, u_j the column's unit, b the
// weights' bits (24 or 51), f_j the column's fraction:
//
//   midpoint   M_ij = rd( sum_k W_ik m_kj 2^(u_j) ), the sum exact, rd the rounding towards zero (once) to `bits` bits, or to the fewer that
//              reach down to 2^-12 of the radius: bits that the radius drowns would only cost the next operations time,
//   radius     R_ij = up( sum_k |W_ik| error_kj ) + |M_ij|'s unit in the last place where rd was inexact.
//
// Enclosure. Let x_k be any point of the ball X_kj. |x_k - m_kj 2^(u_j)| <= error_kj (the ball's radius and what was cut off),
// so |sum_k W_ik x_k - sum_k W_ik m_kj 2^(u_j)| <= sum_k |W_ik| error_kj; the rounding adds less than one unit in the last
// place. No other error occurs in the midpoint:
//
//   Exactness. Stored weights are w' = w + 2^(b-1) in [0, 2^b), stored digits those of m' = m + 2^f = sum_d m'_d B^d, B = 2^28
//   or 2^52. The lanes hold sums of w'_k m'_kd over at most 2^11 terms, each below 2^63 (kernels.hpp), so nothing wraps; they
//   are added up in 128 bits for longer rows: wide terms are below 2^103, so 2^24 of them fit. Since
//     sum_k w_k m_k = sum_d B^d ( sum_k w'_k m'_kd - 2^(b-1) sum_k m'_kd ) - 2^f sum_k w_k,
//   one carry pass over the digits with signed 128-bit carries gives sum_k w_k m_k exactly. With K <= 2^11 and narrow weights
//   every term of it fits 64 signed bits: |sum_k w_k m'_kd| < 2^(11+23+28) = 2^62, |sum_k w_k 2^(f mod 28)| < 2^(11+23+27) =
//   2^61, and a carry is below 2^36. Weights of the tail are added to it with integers of any size.
//
//   Radii. error_kj 2^-(radius exponent) is 0 or a float in [2^-100, 2] after two roundings, |w_ik| <= 2^50 a float after one;
//   products and sums neither overflow nor underflow. Every term passes at most K + 4 roundings, each of which loses at most
//   the factor 1 - 2^-23 in any rounding mode, so that the true sum is at most S (1 - 2^-23)^-(K+4) <= S (1 + (K + 4) 2^-22)
//   for the computed S and K < 2^20 (weights of more columns go to FLINT). The factor taken, 1 + (K + 5) 2^-22, leaves room for
//   its own rounding in doubles. The rest is mag_t arithmetic, upwards.
//
// There are three ways to the sums: by digits in 64-bit lanes (as said above; digit_product.hpp), by residues in doubles that hold integers (residue_product.hpp), and,
// for narrow weights, by bytes in 32-bit lanes (byte_product.hpp).
// The sums are the same integers, the radii the same floats on every path, and so is the result, bit for bit, whatever the CPU, the number of threads and
// the way in which the columns are grouped into blocks.
//
// FLINT's arb_mat_mul serves what does not fit (weights without a narrow or wide form, columns that are not finite or have
// exponents beyond 2^40) and what it does faster (tiny products). The choice depends on shapes and values only.
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/exact_product/fixed_point_block.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

// By digits: with 64-bit multiplication in plain C++ (portable) and with the vector instructions of the name (avx512: IFMA; avx512_fma: without it). By residues: plain C++ with vectors of 2, 4 and 8
// doubles, where more moduli were needed than there are (about 1400 bits) by digits. By bytes: plain C++, AVX-512 VNNI, and AMX's
// tiles; wide weights then by the best path by digits.
enum class ProductPath { portable, sse2, avx2, avx512_fma, avx512, residues, residues_avx2, residues_avx512, bytes, bytes_vnni, byte_tiles };

bool available(ProductPath path);
constexpr bool by_residues(ProductPath path) { return path >= ProductPath::residues && path <= ProductPath::residues_avx512; }
constexpr bool by_bytes(ProductPath path) { return path >= ProductPath::bytes; }
ProductPath best_path();       // by digits
ProductPath best_byte_path();  // by bytes where the processor has instructions for them; else best_path()
// The fastest for `columns` columns, as measured; and the fastest of those that are plain C++: what any CPU has.
ProductPath fastest_path(const PreparedWeights& weights, std::size_t columns);
ProductPath fastest_portable_path(const PreparedWeights& weights, std::size_t columns);

// [out, columns]; midpoints have at most `bits` bits. Runs on OpenMP's threads. x was made with the same `bits` (or others: its
// accuracy is that of its own). bits >= 2, and path must be available; without it, the fastest.
BallMatrix exact_product(const PreparedWeights& weights, const FixedPointBlock& x, long bits, ProductPath path);
BallMatrix exact_product(const PreparedWeights& weights, const FixedPointBlock& x, long bits);
BallMatrix exact_product(const PreparedWeights& weights, const BallMatrix& x, long bits, ProductPath path);
BallMatrix exact_product(const PreparedWeights& weights, const BallMatrix& x, long bits);

}  // namespace snellen
