// Sums of linear maps in the order that a profile declares, bit by bit: what the engine has, where nothing is left open.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lib/world/accumulator.hpp"
#include "lib/world/engine_profile.hpp"
#include "lib/world/image_sum.hpp"

namespace snellen {

// At least one partial sum; `add` rounds. Halves and neighbours: an odd one is left for the next round.
template <class Add>
double combined(std::span<double> sums, Combination combination, const Add& add) {
  std::size_t count = sums.size();
  if (combination == Combination::sequential) {
    for (std::size_t i = 1; i < count; ++i) sums[0] = add(sums[0], sums[i]);
    return sums[0];
  }
  while (count > 1) {
    const std::size_t half = (count + 1) / 2;
    for (std::size_t i = 0; i < count / 2; ++i) sums[i] = combination == Combination::halves ? add(sums[i], sums[half + i]) : add(sums[2 * i], sums[2 * i + 1]);
    if (combination == Combination::neighbours && count % 2 == 1) sums[half - 1] = sums[count - 1];
    count = half;
  }
  return sums[0];
}

class ImageReplay {
 public:
  // std::invalid_argument for formats whose sums cannot be replayed.
  ImageReplay(const EngineProfile& profile, const ImageSum& sum);

  // sums[t * image_lanes + l], t < count <= image_rows, of weights [length][image_lanes] and inputs [count][stride], as image_products has them.
  void operator()(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums) const;

 private:
  // One chain of terms begin, begin + step, ... < end, from zero.
  void chain(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t begin, std::size_t end, std::size_t step, double* sums) const;

  const FormatArithmetic& arithmetic_;
  SumBlocks blocks_;
  std::optional<Accumulator<float>> single_;
  std::optional<Accumulator<double>> wide_;
};

}  // namespace snellen
