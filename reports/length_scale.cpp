#include "reports/length_scale.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace snellen {

double log10_of_length(std::string_view digits) {
  constexpr std::size_t kept = 15;
  const double leading = std::stod(std::string(digits.substr(0, kept)));
  return std::log10(leading) + static_cast<double>(digits.size() > kept ? digits.size() - kept : 0);
}

std::string decade_tics(double high) {
  int step = 1;
  while (high / step > 12) step += step == 1 ? 1 : step == 2 ? 3 : step;
  std::string tics;
  for (int k = 0; k <= high; k += step) tics += fmt::format("{}'{}' {}", k == 0 ? "" : ", ", k < 4 ? fmt::format("{:.0f}", std::pow(10.0, k)) : fmt::format("10^{{{}}}", k), k);
  return tics;
}

}  // namespace snellen
