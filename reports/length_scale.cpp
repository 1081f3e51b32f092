#include "reports/length_scale.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "reports/gnuplot.hpp"

namespace snellen {
namespace {

bool is_length(std::string_view digits) { return !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos; }

// Three digits, rounded up, and the power of ten of the first one.
struct Rounded {
  long digits;
  std::size_t exponent;
};
Rounded rounded_up(std::string_view digits) {
  Rounded result{std::stol(std::string(digits.substr(0, 3))), digits.size() - 1};
  if (digits.find_first_not_of('0', 3) != std::string_view::npos) ++result.digits;
  if (result.digits == 1000) result.digits = 100, ++result.exponent;
  return result;
}

}  // namespace

double log10_of_length(std::string_view digits) {
  constexpr std::size_t kept = 15;
  if (!is_length(digits)) return 0;
  const double leading = std::stod(std::string(digits.substr(0, kept)));
  return std::log10(leading) + static_cast<double>(digits.size() > kept ? digits.size() - kept : 0);
}

std::string short_length(std::string_view digits) {
  if (!is_length(digits)) {
    const std::string quoted = gnuplot_string(digits);
    return quoted.substr(1, quoted.size() - 2);
  }
  if (digits.size() <= 7) return std::string(digits);
  const auto [leading, exponent] = rounded_up(digits);
  return fmt::format("{}.{:02}×10^{{{}}}", leading / 100, leading % 100, exponent);
}

std::string readable_length(std::string_view digits) {
  constexpr std::size_t most = 40;
  if (!is_length(digits) || digits.size() <= most) return std::string(digits);
  const auto [leading, exponent] = rounded_up(digits);
  return fmt::format("{}.{:02}e+{}", leading / 100, leading % 100, exponent);
}

std::string decade_tics(double high) {
  int step = 1;
  while (high / step > 12) step += step == 1 ? 1 : step == 2 ? 3 : step;
  std::string tics;
  for (int k = 0; k <= high; k += step) tics += fmt::format("{}'{}' {}", k == 0 ? "" : ", ", k < 4 ? fmt::format("{:.0f}", std::pow(10.0, k)) : fmt::format("10^{{{}}}", k), k);
  return tics;
}

}  // namespace snellen
