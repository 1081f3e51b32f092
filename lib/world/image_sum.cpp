#include "lib/world/image_sum.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/exponential.hpp"
#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

template <std::size_t Rows>
SNELLEN_INLINE void products_of_rows(const double* weights, const double* inputs, std::size_t stride, std::size_t length, double* sums, double* magnitudes) {
  double sum[Rows][image_lanes] = {}, magnitude[Rows][image_lanes] = {};
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t t = 0; t < Rows; ++t) {
      const double input = inputs[t * stride + i];
#pragma omp simd
      for (std::size_t l = 0; l < image_lanes; ++l) {
        const double product = weights[i * image_lanes + l] * input;
        sum[t][l] += product;
        magnitude[t][l] += std::fabs(product);
      }
    }
  }
  std::copy_n(&sum[0][0], Rows * image_lanes, sums);
  std::copy_n(&magnitude[0][0], Rows * image_lanes, magnitudes);
}

// Instruction sets with fused multiply-adds; elsewhere the C library's, slow and as exact.
#define SNELLEN_FUSED SNELLEN_CLONES("avx512f", "arch=haswell", "default")

template <class Real>
SNELLEN_INLINE void chains(const Real* weights, const Real* inputs, std::size_t stride, std::size_t count, std::size_t length, Real* sums) {
  for (std::size_t t = 0; t < count; ++t) {
    Real local[image_lanes] = {};
    for (std::size_t i = 0; i < length; ++i) {
      const Real input = inputs[t * stride + i];
#pragma omp simd
      for (std::size_t l = 0; l < image_lanes; ++l) local[l] = std::fma(weights[i * image_lanes + l], input, local[l]);
    }
    std::copy_n(local, image_lanes, sums + t * image_lanes);
  }
}

// (1 + e)^n - 1 <= n e exp(n e), rounded up.
double compounded(double n, double e) { return upward(n * e * near_exp(n * e) * (1 + 0x1p-40)); }

}  // namespace

SNELLEN_MULTIVERSION void image_products(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums,
                                         double* magnitudes) {
  switch (count) {
    case 1: return products_of_rows<1>(weights, inputs, stride, length, sums, magnitudes);
    case 2: return products_of_rows<2>(weights, inputs, stride, length, sums, magnitudes);
    case 3: return products_of_rows<3>(weights, inputs, stride, length, sums, magnitudes);
    case 4: return products_of_rows<4>(weights, inputs, stride, length, sums, magnitudes);
  }
}

SNELLEN_FUSED void fused_chains(const float* weights, const float* inputs, std::size_t stride, std::size_t count, std::size_t length, float* sums) {
  chains(weights, inputs, stride, count, length, sums);
}
SNELLEN_FUSED void fused_chains(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums) {
  chains(weights, inputs, stride, count, length, sums);
}

ImageSum::ImageSum(const Format& accumulator, const EngineProfile& profile)
    : f_(accumulator, profile.flush_to_zero),
      sequential_(profile.order == SumOrder::sequential),
      flush_(profile.flush_to_zero),
      fused_(profile.fused),
      addition_(profile.addition),
      aligned_bits_(profile.aligned_bits),
      aligned_block_(profile.aligned_block),
      unit_(std::ldexp(1.0, -accumulator.precision)),
      smallest_normal_(accumulator.smallest_normal().to_double(MPFR_RNDN)),
      smallest_subnormal_(accumulator.smallest_subnormal().to_double(MPFR_RNDU)),
      largest_(accumulator.largest().to_double(MPFR_RNDN)) {}

double ImageSum::growth(std::size_t terms) const {
  const auto n = static_cast<double>(terms);
  switch (addition_) {
    case Addition::nearest: return upward(n * unit_ / (1 - unit_));
    case Addition::truncated: return compounded(n, 2 * unit_);
    case Addition::aligned: {
      // One step adds a block of K products to the running sum: each of the K + 1 is cut to B bits below the largest, which is at most the sum of their
      // magnitudes, and the result is truncated. Partial sums of parts of the row (split K) are added in at most 16 more steps.
      const double step = (aligned_block_ + 1) * std::ldexp(1.0, 1 - aligned_bits_) + 2 * unit_;
      return compounded(std::ceil(n / aligned_block_) + 16, step);
    }
  }
  return infinite_bound;
}

Range ImageSum::operator()(std::size_t terms, double sum, double own_error, double magnitude, double operands) const {
  const auto n = static_cast<double>(terms);
  // Each product loses at most half the smallest subnormal, which grows with the sum; flushed: the smallest normal, as may each partial sum, and each operand.
  const double underflow = (1 + growth(terms)) * n * (flush_ ? smallest_normal_ * (2 + 2 * operands) : smallest_subnormal_);
  const double grown = upward(magnitude * growth(terms) + underflow), error = upward(grown + own_error);
  if (!std::isfinite(sum) || !(upward(magnitude + error) < largest_)) return Range::everything();
  // One product among zeros is rounded once, and adding zeros is exact.
  if (terms <= 1 && addition_ == Addition::nearest && !flush_) return f_.cast({down(sum - own_error), up(sum + own_error)});
  return {down(sum - error), up(sum + error)};
}

Range ImageSum::replayed(std::span<const Range> a, std::span<const Range> b) const {
  Range sum = Range::point(0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!fused_) {
      sum = f_.add(sum, f_.multiply(a[i], b[i]));
      continue;
    }
    // A fused result is monotone in the sum and in the product. In doubles, then to the format, it may be rounded twice: its neighbours' roundings enclose it.
    double low = infinite_bound, high = -infinite_bound;
    for (const double x : {a[i].lower, a[i].upper})
      for (const double y : {b[i].lower, b[i].upper}) {
        if (f_.format().precision == 24 && a[i].is_point() && b[i].is_point() && sum.is_point()) {
          low = high = static_cast<double>(std::fma(static_cast<float>(x), static_cast<float>(y), static_cast<float>(sum.lower)));
        } else if (f_.format().precision == 53) {
          low = std::min(low, std::fma(x, y, sum.lower)), high = std::max(high, std::fma(x, y, sum.upper));
        } else {
          low = std::min(low, f_.points()(down(std::fma(x, y, sum.lower)))), high = std::max(high, f_.points()(up(std::fma(x, y, sum.upper))));
        }
      }
    sum = checked({low, high});
  }
  return sum;
}

Range ImageSum::replayed(std::span<const Range> terms) const {
  Range sum = Range::point(0);
  for (const Range& term : terms) sum = f_.add(sum, term);
  return sum;
}

}  // namespace snellen
