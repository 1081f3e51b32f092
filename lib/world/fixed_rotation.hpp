// Rotary positions on vectors in fixed point: y_a = x_a cos - x_b sin, y_b = x_b cos + x_a sin for each pair (a, b) of a head.
//
// Let c' and s' be within u of cos and sin, and e the error of x in the 2-norm. Rotations keep lengths; |c' - cos| <= u moves a vector of pairs by u |x'|_2
// at most, and so do the sines; every entry is the sum of two products, each at most 2 units too small in size:
//   |y - y'|_2 <= e + 2 u |x'|_2 + 4 sqrt(n) 2^(y's unit),    y's top = x's top + 1, for |x_a cos - x_b sin| <= 2^(1/2) 2^top.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/model/model.hpp"
#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/fixed_columns.hpp"

namespace snellen {

// Cosines and sines of the positions met so far, for each (base, dimensions): kept, since every layer asks for the same.
class FixedRotations {
 public:
  // Nothing where fixed point does not serve: heads that are not rotated whole, or pairs that do not come in eights.
  std::optional<FixedColumns> rotate(const FixedColumns& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns, ProductPath path = best_path());

 private:
  // |cos| / 2 and |sin| / 2 as fractions, and where they are negative: [pairs / 8][digits][8], [pairs].
  struct Angles {
    std::size_t digits = 0;
    std::vector<std::uint64_t> cosines, sines, cosine_signs, sine_signs;
    Magnitude radius;  // of the balls that were cut off
  };
  const Angles& angles(const Rotary& rotary, std::int64_t position) const;
  void prepare(const Rotary& rotary, std::span<const Column> columns, std::size_t digits);

  std::map<std::pair<double, std::size_t>, std::map<std::int64_t, Angles>> tables_;
};

}  // namespace snellen
