#include "tests/attacks/attack.hpp"

#include <cmath>

namespace snellen::attacks {
namespace {

std::vector<Attack>& registered() {
  static std::vector<Attack> list;
  return list;
}

}  // namespace

const std::vector<Attack>& attacks() { return registered(); }
Registered::Registered(Attack attack) { registered().push_back(attack); }

Attempt compare(arb_srcptr reached, arb_srcptr bound) {
  if (!arb_is_finite(reached) || !arb_is_finite(bound)) return nothing_tested();
  if (arb_gt(reached, bound)) return {2, true};
  if (!arb_is_positive(bound)) return {arb_is_zero(bound) ? 0.0 : -1.0, false};  // 0 <= 0 is met by nothing worth climbing to
  Ball ratio;
  arb_div(ratio, reached, bound, bits);
  return {std::min(1.0, arf_get_d(arb_midref(static_cast<arb_srcptr>(ratio)), ARF_RND_NEAR)), false};
}

void euclidean(Ball& result, const std::vector<Ball>& x) {
  arb_zero(result);
  for (const Ball& e : x) arb_addmul(result, e, e, bits);
  arb_sqrt(result, result, bits);
}

std::vector<Ball> image(std::span<const double> a, const std::vector<Ball>& x) {
  std::vector<Ball> y(a.size() / x.size());
  Ball entry;
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      arb_set_d(entry, a[i * x.size() + j]);
      arb_addmul(y[i], entry, x[j], bits);
    }
  }
  return y;
}

std::vector<Ball> exact(std::span<const double> x) {
  std::vector<Ball> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) arb_set_d(result[i], x[i]);
  return result;
}

std::vector<double> stretched_most(std::span<const double> a, std::vector<double> x, int steps) {
  const std::size_t columns = x.size(), rows = a.size() / columns;
  std::vector<double> y(rows), z(columns);
  for (int step = 0; step < steps; ++step) {
    std::fill(z.begin(), z.end(), 0.0);
    double size = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      y[i] = 0;
      for (std::size_t j = 0; j < columns; ++j) y[i] += a[i * columns + j] * x[j];
      for (std::size_t j = 0; j < columns; ++j) z[j] += a[i * columns + j] * y[i];
    }
    for (const double e : z) size = std::max(size, std::fabs(e));
    if (!(size > 0) || !std::isfinite(size)) return x;
    for (std::size_t j = 0; j < columns; ++j) x[j] = z[j] / size;
  }
  return x;
}

}  // namespace snellen::attacks
