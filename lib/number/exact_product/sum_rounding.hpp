// From an exact sum to a ball: what the ways of adding it up share, so that they return the same bits (exact_product.hpp has the inequalities).
#pragma once

#include <vector>

#include "lib/number/exact_product/fixed_point_block.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/limbs_to_midpoint.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

// Owned by one thread.
class SumRounding {
 public:
  SumRounding(const PreparedWeights& weights, const FixedPointBlock& x, const Kernels& kernels, long bits);

  // sums[c * tile_rows + r], for the columns c of `tiles`, 1 or 2, of the block's tiles of radii and the rows r of `groups` groups from `group` on.
  void sum_radii(std::size_t group, std::size_t groups, std::size_t tile, std::size_t tiles, float* sums) const;
  // The same of the tiles that begin with column j, a multiple of together.
  static constexpr std::size_t together = 8;
  void sum_radii_from(std::size_t j, std::size_t group, std::size_t groups, float* sums) const;

  // The ball of row `row` and column j, which fits: midpoint +-(the integer `sum`, zero where that is null) and the row's tail; radius the sum of sum_radii. Words: WordsOfLimbs or
  // WordsOfRow (limbs_to_midpoint.hpp).
  template <class Words>
  void round(arb_ptr y, const Words* sum, bool negative, std::size_t row, std::size_t j, float radius_sum) const;
  // The same of the integer of `size` limbs, the highest of which is not zero.
  void round_limbs(arb_ptr y, const mp_limb_t* limbs, mp_size_t size, bool negative, std::size_t row, std::size_t j, float radius_sum) const {
    if (size == 0) return round<WordsOfLimbs>(y, nullptr, false, row, j, radius_sum);
    const WordsOfLimbs sum(limbs, size);
    round(y, &sum, negative, row, j, radius_sum);
  }

 private:
  // The midpoint from the integer and the row's tail; adds the tail's share of the radius and that of the rounding. `sum` is what a midpoint is, before the row's scale.
  void add_tail(arb_ptr y, const arf_t sum, std::size_t row, std::size_t j) const;

  const PreparedWeights& weights_;
  const FixedPointBlock& x_;
  const Kernels& kernels_;
  const long bits_;
  const double slack_;
};

}  // namespace snellen
