// The floor under an exact product W X made of matrix products of doubles: how few of them can give the same midpoint.
//
// Let the weights of a row be signed integers below 2^(B-1) on one scale (B = weight_bits), the block's midpoints signed integers
// below 2^f on one scale a column (f = fraction; its unit is the error already made when the block was cut off), K the number of
// terms. Cut the weights into signed slices of b bits (|w| <= 2^(b-1)) and the midpoints into signed slices of a bits. A product of
// two slices is summed exactly in doubles, whatever the order and with or without fused operations, if
//
//   K 2^(b-1) 2^(a-1) <= 2^53,   that is   a + b + ceil(log2 K) <= 55,
//
// since then every partial sum is an integer that a double holds. There are ceil(B / b) weight slices and ceil((f + 1) / a) of the
// block. Counted from the top, where both are moved up until the top slice is full, slice i of the weights times slice j of the block
// is at most 2^(B-1) 2^f 2^-(i b + j a); where i b + j a >= f that is no more than 2^(B-1), what one unit of the block makes of the
// largest weight: as small as the error already made, and it need not be computed. The floor takes the b for which the fewest
// products are left.
//
// tests/number/dgemm_floor_test.cpp cuts and multiplies as said here.
//
// The radii are one more product, of |W| and the block's radii: floats are enough, and half the time of doubles.
//
// The floor counts neither the cutting into slices nor the recombination, so that no program on this road is as fast. Integers may be:
// a multiply-add of doubles keeps 53 bits of a sum of products, two instructions of 52-bit integers keep 104.
//
// Example: K = 576, B = 24 (bf16 on one scale), 128 bits and 7 more: b = 24, a = 21, 7 products. B = 51 (fp32): b = 17, a = 28, 5 + 5 + 4.
#pragma once

#include <bit>
#include <cstddef>

namespace snellen {

struct DgemmSlices {
  long weight_bits, block_bits;  // b and a
  long products;
};

// Does the product of weight slice i and block slice j (counted from the top) have to be computed?
constexpr bool needed(long i, long j, long weight_slice_bits, long block_slice_bits, long fraction) {
  return i * weight_slice_bits + j * block_slice_bits < fraction;
}

inline DgemmSlices fewest_dgemms(long weight_bits, long fraction, std::size_t terms) {
  const long together = 55 - std::bit_width(terms - 1);  // a + b
  DgemmSlices best{0, 0, 0};
  for (long b = 1; b <= weight_bits && b < together; ++b) {
    const long a = together - b;
    long products = 0;
    for (long i = 0; i * b < weight_bits; ++i)
      for (long j = 0; j * a < fraction + 1; ++j) products += needed(i, j, b, a, fraction);
    if (best.products == 0 || products < best.products) best = {b, a, products};
  }
  return best;
}

inline constexpr double radii_in_products = 0.5;

}  // namespace snellen
