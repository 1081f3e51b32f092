// The inner loops of the exact product, for one tile of weight rows and one column of the block. Every path returns the same
// numbers: the integer sums are exact, and the floats of the radii are multiplied and added one after the other in the order of
// k, without fused operations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace snellen {

inline constexpr std::size_t tile_groups = 4, tile_rows = 32;
// Terms summed before the sums leave 64-bit lanes.
//   narrow: w < 2^24, x < 2^28, so 2^11 products stay below 2^63.
//   wide: w < 2^51, x < 2^52; the product is cut into halves of 52 bits, so 2^11 of either stay below 2^63.
//         SSE2 and AVX2 multiply (25 + 26) x (26 + 26) bits; two cross products below 2^52 for each term: 2^12 of them stay
//         below 2^64.
inline constexpr std::size_t sum_terms = 2048;
inline constexpr int narrow_digit_bits = 28, wide_digit_bits = 52;

struct Kernels {
  // sums[d * tile_rows + r] = sum over k < count of w[r][k] x[k * x_stride + d], for d < digits and r < 8 groups; a path may
  // carry from one digit's sum to the next, as long as the sum of sums[d] 2^(28 d) and the bound of 2^63 stay. Row 8g + l of
  // the tile has its weights at weights[g * stride + 8k + l]. 0 < groups <= tile_groups, count <= sum_terms.
  void (*narrow)(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const std::uint32_t* x, std::size_t x_stride,
                 std::size_t digits, std::size_t count, std::uint64_t* sums);
  // The same sums, each as low + 2^52 high. How a sum is split may differ between paths.
  void (*wide)(const std::uint64_t* weights, std::size_t stride, std::size_t groups, const std::uint64_t* x, std::size_t x_stride,
               std::size_t digits, std::size_t count, std::uint64_t* low, std::uint64_t* high);
  // sums[c * tile_rows + r] = sum over k < count of |w_rk| x[k * columns + c] in floats, w_rk the signed weight, a wide one
  // rounded to a float; columns is 1, 4 or 8, the last two tiles of 4 after each other, each with all its k.
  void (*narrow_radii)(const std::uint32_t* weights, std::size_t stride, std::size_t groups, const float* x, std::size_t columns,
                       std::size_t count, float* sums);
  void (*wide_radii)(const std::uint64_t* weights, std::size_t stride, std::size_t groups, const float* x, std::size_t columns,
                     std::size_t count, float* sums);
};

// Of a path (exact_product.hpp); of one by residues, those of the radii.
enum class ProductPath;
const Kernels& kernels_of(ProductPath path);

const Kernels& portable_kernels();
// The CPU must have what the name says.
const Kernels& sse2_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_fma_kernels();  // F, DQ and VL
const Kernels& avx512_kernels();      // and IFMA

}  // namespace snellen
