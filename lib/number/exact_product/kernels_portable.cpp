// Plain C++ for any CPU with 64-bit integers; loops over the lanes of a group, which a compiler may vectorise.
#include <bit>
#include <cmath>

#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {
namespace {

template <std::size_t D>
void narrow_tile(const std::uint32_t* weights, const std::uint64_t* x, std::size_t x_stride, std::size_t count, std::uint64_t* sums) {
  std::uint64_t sum[D][group_rows] = {};
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t d = 0; d < D; ++d) {
      const auto digit = static_cast<std::uint32_t>(x[k * x_stride + d]);
      for (std::size_t r = 0; r < group_rows; ++r) sum[d][r] += std::uint64_t{weights[group_rows * k + r]} * digit;
    }
  for (std::size_t d = 0; d < D; ++d)
    for (std::size_t r = 0; r < group_rows; ++r) sums[d * tile_rows + r] = sum[d][r];
}

void narrow(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
            std::size_t digits, std::size_t count, std::uint64_t* sums) {
  for (std::size_t g = 0; g < groups; ++g) {
    std::size_t d = 0;
    for (; d + 2 <= digits; d += 2) narrow_tile<2>(weights + g * stride, x + d, x_stride, count, sums + d * tile_rows + group_rows * g);
    if (d < digits) narrow_tile<1>(weights + g * stride, x + d, x_stride, count, sums + d * tile_rows + group_rows * g);
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
    low[d * tile_rows] = static_cast<std::uint64_t>(sum[d]) & ((std::uint64_t{1} << 52) - 1);
    high[d * tile_rows] = static_cast<std::uint64_t>(sum[d] >> 52);
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

// As in the AVX-512 path.
template <std::size_t C, class Word>
void radii_tile(const Word* weights, const double* x, std::size_t count, double* sums) {
  constexpr double origin = 0x1p52 + (sizeof(Word) == 4 ? 0x1p23 : 0x1p50);
  double sum[C][group_rows] = {};
  for (std::size_t k = 0; k < count; ++k) {
    double w[group_rows];
    for (std::size_t r = 0; r < group_rows; ++r)
      w[r] = std::fabs(std::bit_cast<double>(std::uint64_t{weights[group_rows * k + r]} | 0x4330000000000000u) - origin);
    for (std::size_t c = 0; c < C; ++c)
      for (std::size_t r = 0; r < group_rows; ++r) sum[c][r] += w[r] * x[k * C + c];
  }
  for (std::size_t c = 0; c < C; ++c)
    for (std::size_t r = 0; r < group_rows; ++r) sums[c * tile_rows + r] = sum[c][r];
}

template <class Word>
void radii(const Word* weights, std::size_t stride, std::size_t groups, const double* x, std::size_t columns, std::size_t count, double* sums) {
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
