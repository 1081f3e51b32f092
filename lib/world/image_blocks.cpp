#include "lib/world/image_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lib/error.hpp"
#include "lib/number/format.hpp"
#include "lib/world/image_arithmetic.hpp"

namespace snellen {
namespace {

// x is divided by a scale that is within a few roundings of `largest` / 127, and rounded to an integer, ties either way.
Range bytes(const Range& x, double largest) {
  constexpr double slack = 0x1p-21;  // three roundings in fp32, and ours
  const double low = x.lower / largest * 127, high = x.upper / largest * 127;
  return {std::ceil(low - std::fabs(low) * slack - 0.5), std::floor(high + std::fabs(high) * slack + 0.5)};
}

void quantise_block(std::span<double> lower, std::span<double> upper, const ImageArithmetic& scale_format) {
  // The largest entry of the block lies between the largest of the least magnitudes and the largest of the greatest.
  static const ImageArithmetic single(*find_format("fp32"), false);
  double least = 0, most = 0;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const Range x{lower[i], upper[i]};
    most = std::max(most, x.magnitude());
    least = std::max(least, x.lower > 0 ? x.lower : x.upper < 0 ? -x.upper : 0.0);
  }
  if (most == 0) return;
  if (least == 0 || !std::isfinite(most)) {  // the scale is not known
    for (std::size_t i = 0; i < lower.size(); ++i) lower[i] = -2 * most, upper[i] = 2 * most;
    return;
  }
  const Range over = single.divide({least, most}, Range::point(127));
  Range scale = scale_format.cast(over);
  if (scale_format.format().precision == single.format().precision) scale = {down(over.lower * (1 - 0x1p-21)), up(over.upper * (1 + 0x1p-21))};
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const Range x{lower[i], upper[i]}, q = hull(bytes(x, least), bytes(x, most));
    const double products[] = {q.lower * scale.lower, q.lower * scale.upper, q.upper * scale.lower, q.upper * scale.upper};
    lower[i] = *std::min_element(std::begin(products), std::end(products));
    upper[i] = *std::max_element(std::begin(products), std::end(products));
    if (!scale.is_point() || !q.is_point()) lower[i] = down(lower[i]), upper[i] = up(upper[i]);
  }
}

}  // namespace

void quantise_activations(std::string_view storage, std::span<double> lower, std::span<double> upper) {
  static const ImageArithmetic half(*find_format("fp16"), false), brain(*find_format("bf16"), false), single(*find_format("fp32"), false);
  const auto rounded = [&](const ImageArithmetic& f) {
    for (std::size_t i = 0; i < lower.size(); ++i) {
      const Range x = f.cast({lower[i], upper[i]});
      lower[i] = x.lower, upper[i] = x.upper;
    }
  };
  if (storage == "F32" || storage == "memory") return;
  if (storage == "F16") return rounded(half);
  if (storage == "BF16") return rounded(brain);
  const bool small = storage == "Q4_0" || storage == "Q4_1" || storage == "Q5_0" || storage == "Q5_1" || storage == "Q8_0";
  const bool large = storage == "Q4_K" || storage == "Q5_K" || storage == "Q6_K";
  if (!small && !large)
    throw InputError("profile", "weights of type " + std::string(storage) + " have no envelope, expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K");
  const std::size_t block = small ? 32 : 256;
  for (std::size_t begin = 0; begin + block <= lower.size(); begin += block)
    quantise_block(lower.subspan(begin, block), upper.subspan(begin, block), small ? half : single);
}

std::optional<BlockOffsets> block_offsets(std::string_view storage) {
  if (storage == "Q4_1") return BlockOffsets{32, 15, true};
  if (storage == "Q5_1") return BlockOffsets{32, 31, true};
  if (storage == "Q4_K") return BlockOffsets{32, 15, false};
  if (storage == "Q5_K") return BlockOffsets{32, 31, false};
  return std::nullopt;
}

double offset_bound(std::span<const double> weights, int levels) {
  std::vector<double> sorted(weights.begin(), weights.end());
  std::sort(sorted.begin(), sorted.end());
  double gap = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i] > sorted[i - 1]) gap = std::min(gap, sorted[i] - sorted[i - 1]);
  const double largest = std::max(std::fabs(sorted.front()), std::fabs(sorted.back()));
  if (!std::isfinite(gap)) return largest;
  // Weights are rounded to fp32: what is a multiple of s apart may be off by an ulp of the largest.
  gap += largest * 0x1p-22;
  // s > 0: m is at most the smallest weight and at least the largest less `levels` gaps; s < 0: the reverse.
  const double low = sorted.back() - levels * gap, high = sorted.front() + levels * gap;
  return up(std::max({largest, std::fabs(low), std::fabs(high)}));
}

}  // namespace snellen
