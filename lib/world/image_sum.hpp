// Sums of products as an engine's accumulator may return them, in whatever order its profile leaves open.
//
// For m products in any order, each rounded or fused with its addition, additions to nearest with unit roundoff u: |computed - exact| <= m u/(1-u) sum |a_i b_i|, and
// what underflows (proofs/validation.md; `any_order_fused`, after Jeannerod and Rump 2013; no condition on m). Truncating additions lose up to 2u of each
// partial sum: (1 + 2u)^m - 1. Tensor cores cut aligned products: see `block_growth`.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lib/world/engine_profile.hpp"
#include "lib/world/image_arithmetic.hpp"

namespace snellen {

class ImageSum {
 public:
  ImageSum(const Format& accumulator, const EngineProfile& profile);

  // What the engine may have in its accumulator: |exact - sum| <= own_error, at least `magnitude` = sum of |terms|; `operands` at least the largest |a| and |b|.
  Range operator()(std::size_t terms, double sum, double own_error, double magnitude, double operands) const;
  // The engine's own order, from the first term to the last, each product and each sum rounded, or both at once where the profile fuses them.
  bool sequential() const { return sequential_; }
  bool fused() const { return fused_; }
  Range replayed(std::span<const Range> a, std::span<const Range> b) const;
  // The same for a sum of ranges.
  Range replayed(std::span<const Range> terms) const;

  const ImageArithmetic& arithmetic() const { return f_; }
  const Format& format() const { return f_.format(); }

 private:
  double growth(std::size_t terms) const;  // at least |computed - exact| / sum |terms|

  ImageArithmetic f_;
  bool sequential_, flush_, fused_;
  Addition addition_;
  int aligned_bits_, aligned_block_;
  double unit_, smallest_normal_, smallest_subnormal_, largest_;
};

// sums[t * 16 + l] = sum_i weights[i * 16 + l] inputs[t * stride + i] for t < count <= 4, and the same of absolute values. In some order: within
// dot_error(length) magnitudes of the exact ones (lib/number/upward.hpp).
inline constexpr std::size_t image_lanes = 16, image_rows = 4;
void image_products(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums, double* magnitudes);

// The same sums as a chain of fused multiply-adds in Real's own arithmetic, from the first to the last.
void fused_chains(const float* weights, const float* inputs, std::size_t stride, std::size_t count, std::size_t length, float* sums);
void fused_chains(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums);

}  // namespace snellen
