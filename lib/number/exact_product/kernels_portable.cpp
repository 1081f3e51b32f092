// Plain C++ for any CPU that multiplies 64-bit integers.
#include <algorithm>
#include <cstdlib>

#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {
namespace {

// D pairs of digits of one row; a pair is one 56-bit factor, and its sums are below 2^(11 + 24 + 56).
template <std::size_t D>
void narrow_tile(const std::uint32_t* weights, const std::uint32_t* x, std::size_t x_stride, std::size_t count,
                 std::uint64_t* sums) {
  UInt128 sum[D] = {};
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint64_t w = weights[group_rows * k];
    const std::uint32_t* digits = x + k * x_stride;
    for (std::size_t d = 0; d < D; ++d)
      sum[d] += UInt128{w} * (digits[2 * d] | std::uint64_t{digits[2 * d + 1]} << narrow_digit_bits);
  }
  for (std::size_t d = 0; d < D; ++d) {
    sums[2 * d * tile_rows] = static_cast<std::uint64_t>(sum[d]) & ((std::uint64_t{1} << narrow_digit_bits) - 1);
    sums[(2 * d + 1) * tile_rows] = static_cast<std::uint64_t>(sum[d] >> narrow_digit_bits);
  }
}

void narrow(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const std::uint32_t* x, std::size_t x_stride,
            std::size_t digits, std::size_t count, std::uint64_t* sums) {
  for (std::size_t row = 0; row < group_rows * groups; ++row) {
    const std::uint32_t* w = weights + row / group_rows * stride + row % group_rows;
    std::size_t d = 0;
    for (; d + 4 <= digits; d += 4) narrow_tile<2>(w, x + d, x_stride, count, sums + d * tile_rows + row);
    for (; d + 2 <= digits; d += 2) narrow_tile<1>(w, x + d, x_stride, count, sums + d * tile_rows + row);
    if (d == digits) continue;
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < count; ++k) sum += std::uint64_t{w[group_rows * k]} * x[k * x_stride + d];
    sums[d * tile_rows + row] = sum;
  }
}

template <std::size_t D>
void wide_tile(const std::uint64_t* weights, const std::uint64_t* x, std::size_t x_stride, std::size_t count, std::uint64_t* low,
               std::uint64_t* high) {
  UInt128 sum[D] = {};
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint64_t w = weights[group_rows * k];
    for (std::size_t d = 0; d < D; ++d) sum[d] += UInt128{w} * x[k * x_stride + d];
  }
  for (std::size_t d = 0; d < D; ++d) {
    low[d * tile_rows] = static_cast<std::uint64_t>(sum[d]) & ((std::uint64_t{1} << wide_digit_bits) - 1);
    high[d * tile_rows] = static_cast<std::uint64_t>(sum[d] >> wide_digit_bits);
  }
}

void wide(const std::uint64_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
          std::size_t digits, std::size_t count, std::uint64_t* low, std::uint64_t* high) {
  for (std::size_t row = 0; row < group_rows * groups; ++row) {
    const std::uint64_t* w = weights + row / group_rows * stride + row % group_rows;
    std::size_t d = 0;
    for (; d + 3 <= digits; d += 3) wide_tile<3>(w, x + d, x_stride, count, low + d * tile_rows + row, high + d * tile_rows + row);
    for (; d < digits; ++d) wide_tile<1>(w, x + d, x_stride, count, low + d * tile_rows + row, high + d * tile_rows + row);
  }
}

float magnitude(std::uint32_t stored) { return static_cast<float>(std::abs(static_cast<std::int32_t>(stored) - (1 << 23))); }
float magnitude(std::uint64_t stored) {
  return static_cast<float>(std::abs(static_cast<std::int64_t>(stored) - (std::int64_t{1} << 50)));
}

template <std::size_t C, class Word>
void radii_tile(const Word* weights, const float* x, std::size_t count, float* sums) {
  float sum[C][group_rows] = {};
  for (std::size_t k = 0; k < count; ++k) {
    float w[group_rows];
    for (std::size_t r = 0; r < group_rows; ++r) w[r] = magnitude(weights[group_rows * k + r]);
    for (std::size_t c = 0; c < C; ++c)
      for (std::size_t r = 0; r < group_rows; ++r) sum[c][r] += w[r] * x[k * C + c];
  }
  for (std::size_t c = 0; c < C; ++c) std::copy(sum[c], sum[c] + group_rows, sums + c * tile_rows);
}

template <class Word>
void radii(const Word* weights, std::size_t stride, std::size_t groups, const float* x, std::size_t columns, std::size_t count,
           float* sums) {
  if (columns == 8) {
    radii(weights, stride, groups, x, 4, count, sums);
    return radii(weights, stride, groups, x + 4 * count, 4, count, sums + 4 * tile_rows);
  }
  for (std::size_t g = 0; g < groups; ++g)
    if (columns == 1) radii_tile<1>(weights + g * stride, x, count, sums + group_rows * g);
    else radii_tile<4>(weights + g * stride, x, count, sums + group_rows * g);
}

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels{narrow, wide, radii<std::uint32_t>, radii<std::uint64_t>};
  return kernels;
}

}  // namespace snellen
