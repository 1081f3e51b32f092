#include "lib/world/norm_slope.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/upward.hpp"

namespace snellen {

std::vector<double> norm_weights(const Norm& n) {
  if (!n.weight) return {};
  std::vector<double> result = read_all(*n.weight);
  for (double& w : result) w = std::fabs(n.unit_offset ? 1 + w : w);
  return result;
}
Magnitude largest_norm_weight(std::span<const double> weights) {
  double largest = weights.empty() ? 1 : 0;
  for (const double w : weights) largest = std::max(largest, w * (1 + 0x1p-50));
  return magnitude_of(largest);
}

// Eigenvalues are 1/r and epsilon/r^3, r the root.
Magnitude norm_slope(const Norm& n, const BallMatrix& x, std::size_t begin, std::size_t end, std::size_t c, const Magnitude& radius) {
  constexpr long bits = 128;
  const auto size = static_cast<slong>(end - begin);
  Ball mean, sum, t;
  if (n.kind == NormKind::layer) {
    for (std::size_t i = begin; i < end; ++i) arb_add(mean, mean, x(i, c), bits);
    arb_div_si(mean, mean, size, bits);
  }
  for (std::size_t i = begin; i < end; ++i) {
    arb_sub(t, x(i, c), mean, bits);
    arb_addmul(sum, t, t, bits);
  }
  Magnitude result;
  mag_inf(result.get());
  if (!arb_is_finite(sum) || !radius.is_finite()) return result;
  arb_sqrtpos(sum, sum, bits);
  arf_t low, r;
  arf_init(low), arf_init(r);
  arf_set_mag(r, radius.get());
  arb_get_lbound_arf(low, sum, bits);
  arf_sub(low, low, r, bits, ARF_RND_DOWN);
  if (arf_sgn(low) > 0) arb_set_arf(sum, low);
  else arb_zero(sum);
  arf_clear(low), arf_clear(r);
  arb_sqr(sum, sum, bits);
  arb_div_si(sum, sum, size, bits);
  arb_set_d(t, n.epsilon);
  arb_add(sum, sum, t, bits);
  arb_rsqrt(sum, sum, bits);
  if (arb_is_finite(sum)) result = Magnitude::of(sum);
  return result;
}

}  // namespace snellen
