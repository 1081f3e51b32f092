#include "lib/world/repeated_sum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace snellen {

RepeatedSum::RepeatedSum(const FormatArithmetic& format)
    : format_(format), precision_(format.format().precision), emin_(static_cast<int>(format.format().emin)) {}

double RepeatedSum::after(double s, double c, std::int64_t steps) const {
  while (steps > 0) {
    const std::int64_t made = advance(s, c, steps);
    if (made == 0) break;
    steps -= made;
  }
  return s;
}

RepeatedSum::Settled RepeatedSum::settle(double s, double c) const {
  std::int64_t steps = 0;
  while (const std::int64_t made = advance(s, c, std::numeric_limits<std::int64_t>::max())) steps += made;
  return {s, steps};
}

std::int64_t RepeatedSum::advance(double& s, double c, std::int64_t most) const {
  const double next = format_.add(s, c);
  if (next == s || (std::isnan(next) && std::isnan(s))) return 0;
  s = next;
  return most == 1 ? 1 : 1 + jump(s, c, most - 1);
}

// With u the unit of the binade of s = m u, gamma = c / u and d the integer nearest to gamma (ties to even): rd(s + c) = (m + d) u as long as s + c
// stays in the binade, unless gamma is a tie and m odd.
std::int64_t RepeatedSum::jump(double& s, double c, std::int64_t most) const {
  if (s == 0 || !std::isfinite(s)) return 0;
  const bool negative = s < 0;
  const double magnitude = std::fabs(s), by = negative ? -c : c;
  const int exponent = std::max(std::ilogb(magnitude), emin_), unit = exponent - precision_ + 1;
  const double top = std::min(std::scalbn(1, precision_), std::scalbn(format_.rounder().largest(), -unit));  // the binade's ends in units
  const double bottom = exponent == emin_ ? 0 : std::scalbn(1, precision_ - 1);
  // Below half a unit the next single step settles; beyond the binade's length it leaves. Both comparisons and the quotient are exact.
  if (std::fabs(by) < std::scalbn(0.5, unit) || std::scalbn(std::fabs(by), -exponent) > 2) return 0;
  const double gamma = std::scalbn(by, -unit), m = std::scalbn(magnitude, -unit), step = std::nearbyint(gamma);
  if (std::fabs(gamma - std::trunc(gamma)) == 0.5 && std::fmod(m, 2) != 0) return 0;
  if (step == 0) return 0;  // a tie that settles
  // k steps stay where m + (k - 1) step + gamma lies between bottom and top.
  const double room = step > 0 ? top - m - std::ceil(gamma) : m - bottom - std::ceil(-gamma);
  if (room < 0) return 0;
  const std::int64_t fitting = static_cast<std::int64_t>(room) / static_cast<std::int64_t>(std::fabs(step)) + 1;
  const std::int64_t steps = std::min(most, fitting);
  const double moved = std::scalbn(m + static_cast<double>(steps) * step, unit);
  s = moved == 0 ? 0 : negative ? -moved : moved;
  return steps;
}

}  // namespace snellen
