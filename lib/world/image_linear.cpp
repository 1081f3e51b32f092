// Linear maps of the image world.
#include <algorithm>
#include <optional>
#include <stdexcept>

#include "lib/number/upward.hpp"
#include "lib/world/image.hpp"
#include "lib/world/image_blocks.hpp"
#include "lib/world/image_replay.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// Operands [tokens][in]: middles, and bounds of how far off an operand may be (empty: none may).
struct Operands {
  std::vector<double> middle, radius;
  std::vector<std::size_t> terms;  // of each token, those that may not be zero: adding zeros is exact
  double largest = 0;
};

Operands operands_of(const ImageBlock& x) {
  Operands result;
  result.middle.resize(x.lower.size());
  const bool exact = x.is_exact();
  if (!exact) result.radius.resize(x.lower.size());
  for (std::size_t i = 0; i < x.lower.size(); ++i) {
    const double low = x.lower[i], high = x.upper[i];
    if (exact) {
      result.middle[i] = low;
    } else {
      const double middle = low / 2 + high / 2, half = std::max(high - middle, middle - low);
      result.middle[i] = std::isfinite(middle) ? middle : 0;
      result.radius[i] = low == high ? 0 : upward(half);  // infinite, or NaN, where an end is
    }
    result.largest = std::max(result.largest, Range{low, high}.magnitude());
  }
  for (std::size_t c = 0; c < x.tokens; ++c) {
    std::size_t count = 0;
    for (std::size_t i = c * x.width; i < (c + 1) * x.width; ++i) count += !(x.lower[i] == 0 && x.upper[i] == 0);
    result.terms.push_back(count);
  }
  return result;
}

// Of each block of activations [tokens][blocks]: at least sum |x|, and at least how far the sum that an engine multiplies with the weights' offset is from theirs.
struct BlockSums {
  std::vector<double> magnitude, error;
};

BlockSums sums_of_blocks(const ImageBlock& x, const BlockOffsets& offsets) {
  BlockSums result;
  for (std::size_t c = 0; c < x.tokens; ++c) {
    for (std::size_t begin = 0; begin + offsets.block <= x.width; begin += offsets.block) {
      double magnitude = 0, low = 0, high = 0, largest = 0;
      for (std::size_t i = begin; i < begin + offsets.block; ++i) {
        const Range entry = x.at(i, c);
        magnitude += entry.magnitude(), low += entry.lower, high += entry.upper, largest = std::max(largest, entry.magnitude());
      }
      // fp16(d' sum q) for d sum q: the cast, and d = fp16(d'). Where d is subnormal it is 2^-25 off, and sum |q| <= 32 * 127.
      const double tiny = largest < 130 * 0x1p-14 ? 0x1p-13 : 0;
      const double sum = std::max(std::fabs(low), std::fabs(high)) + magnitude * 0x1p-40;
      result.magnitude.push_back(upward(magnitude));
      result.error.push_back(offsets.rounded_sum ? upward(sum * 0x1.01p-10 + 0x1p-24 + magnitude * 0x1p-20 + tiny) : 0.0);
    }
  }
  return result;
}

}  // namespace

ImageBlock ImageWorld::linear(const Linear& map, const Block& input) const {
  const Tensor& weight = *map.weight;
  const std::size_t in = input.width, out = weight.rows(), tokens = input.tokens;
  if (weight.columns() != in) throw std::logic_error("ImageWorld::linear: the weight's columns are not the block's width");

  const ImageArithmetic& operand = operand_;
  Block x(in, tokens);
  parallel_for(tokens, [&](std::size_t c) {
    for (std::size_t r = 0; r < in; ++r) x.set(r, c, operand.cast(input.at(r, c)));
    if (profile_.activation_blocks == ActivationBlocks::ggml) quantise_activations(weight.storage(), {x.lower.data() + c * in, in}, {x.upper.data() + c * in, in});
  });
  const Operands operands = operands_of(x);
  const auto offsets = profile_.activation_blocks == ActivationBlocks::ggml ? block_offsets(weight.storage()) : std::nullopt;
  const BlockSums block_sums = offsets ? sums_of_blocks(x, *offsets) : BlockSums();
  const std::vector<Range> bias = map.bias ? stored_vector(*map.bias) : std::vector<Range>();
  const bool known_order = linear_sum_.sequential() || profile_.linear_blocks;
  const auto replay = known_order && operands.radius.empty() ? std::optional<ImageReplay>(std::in_place, profile_, linear_sum_) : std::nullopt;

  Block y(out, tokens);
  parallel_for((out + image_lanes - 1) / image_lanes, [&](std::size_t tile) {
    const std::size_t first = tile * image_lanes, used = std::min(image_lanes, out - first);
    std::vector<double> row(in), weights(in * image_lanes);
    double largest = operands.largest;
    for (std::size_t l = 0; l < used; ++l) {
      weight.read_row(first + l, row);
      operand.points().rounder().round_all(row.data(), in);
      for (std::size_t i = 0; i < in; ++i) weights[i * image_lanes + l] = row[i], largest = std::max(largest, std::fabs(row[i]));
    }
    std::vector<double> bounds;  // of offsets, [used][blocks]
    if (offsets) {
      for (std::size_t l = 0; l < used; ++l) {
        weight.read_row(first + l, row);
        for (std::size_t begin = 0; begin < in; begin += offsets->block) bounds.push_back(offset_bound(std::span(row).subspan(begin, offsets->block), offsets->levels));
      }
    }
    double sums[image_rows * image_lanes], magnitudes[image_rows * image_lanes], spread[image_rows * image_lanes] = {}, unused[image_rows * image_lanes];
    for (std::size_t c = 0; c < tokens; c += image_rows) {
      const std::size_t count = std::min(image_rows, tokens - c);
      const double* inputs = operands.middle.data() + c * in;
      if (replay) {
        (*replay)(weights.data(), inputs, in, count, in, sums);
      } else {
        image_products(weights.data(), inputs, in, count, in, sums, magnitudes);
        if (!operands.radius.empty()) image_products(weights.data(), operands.radius.data() + c * in, in, count, in, unused, spread);
      }
      for (std::size_t t = 0; t < count; ++t) {
        for (std::size_t l = 0; l < used; ++l) {
          const double sum = sums[t * image_lanes + l];
          double offset_error = 0, offset_magnitude = 0;
          if (offsets) {
            const std::size_t blocks = in / offsets->block;
            for (std::size_t b = 0; b < blocks; ++b) {
              offset_error += bounds[l * blocks + b] * block_sums.error[(c + t) * blocks + b];
              offset_magnitude += 2 * bounds[l * blocks + b] * block_sums.magnitude[(c + t) * blocks + b];  // |s q| <= |w| + |m|
            }
          }
          const auto accumulated = [&](double plus) {  // with a bias in the accumulator
            if (replay) return linear_sum_.arithmetic().add(Range::point(sum), Range::point(plus));
            // |x| <= |middle| + radius; the doubles' own error is within dot_error of the sum of magnitudes.
            const double magnitude = upward(magnitudes[t * image_lanes + l] + spread[t * image_lanes + l] + std::fabs(plus) + offset_magnitude);
            const double own = upward(magnitude * dot_error(in + 2) + spread[t * image_lanes + l] + offset_error);
            const std::size_t terms = profile_.activation_blocks == ActivationBlocks::ggml ? in : operands.terms[c + t];  // blocks have roundings of their own
            return linear_sum_(plus == 0 ? terms : terms + 1, sum + plus, own, magnitude, largest);
          };
          Range result = storage_.cast(accumulated(0));
          if (map.bias) {
            const Range b = bias[first + l], separately = storage_.add(result, b);
            const Range together = storage_.cast(accumulated(b.lower));
            result = profile_.bias == BiasIn::storage ? separately : profile_.bias == BiasIn::accumulator ? together : hull(separately, together);
          }
          y.set(first + l, c + t, result);
        }
      }
    }
  });
  return settled(OperationKind::linear, std::move(y));
}

}  // namespace snellen
