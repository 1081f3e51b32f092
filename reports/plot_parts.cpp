#include "reports/plot_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/numbers.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

// 1, 2, 5, 10, 20, ... or decades alone where there are many.
std::string logarithmic_tics(double low, double high) {
  const bool only_decades = high / low > 3e4;
  std::string tics;
  for (int k = 0; k <= 18; ++k)
    for (const int digit : {1, 2, 5}) {
      const double n = digit * std::pow(10.0, k);
      if (n < low || n > high || (only_decades && digit != 1)) continue;
      tics += fmt::format("{}'{}' {:.0f}", tics.empty() ? "" : ", ",
                          k >= 5 ? fmt::format("10^{{{}}}", k) : fmt::format("{:.0f}", n), n);
    }
  return tics;
}

}  // namespace

std::string label_beyond(const std::string& text, double y, std::string_view colour) {
  constexpr std::size_t fits = 17;  // quotes included
  return fmt::format("set label {} at graph 1.012, first {} left textcolor '{}'{}\n", text, y, colour, text.size() > fits ? " font ',12'" : "");
}

std::string enhanced(Metric metric) {
  return metric == Metric::linf ? "L_{∞}" : fmt::format("L_{{{}}}", label_of(metric).substr(1));
}

std::string enhanced(const Dyadic& eps) {
  const auto exponent = exponent_of_power_of_two(eps);
  return exponent ? fmt::format("2^{{{}{}}}", *exponent < 0 ? "−" : "", std::labs(*exponent)) : power_text(eps);
}

LengthAxis::LengthAxis(std::int64_t from, std::int64_t to) {
  const double first = static_cast<double>(std::max<std::int64_t>(from, 1)), last = static_cast<double>(to);
  logarithmic_ = last >= 30 * first;
  low_ = logarithmic_ ? 0.75 * first : static_cast<double>(from) - 0.5;
  high_ = logarithmic_ ? last * std::pow(last / first, 0.01) : last + 0.5;
}

std::string LengthAxis::script() const {
  return fmt::format("set lmargin at screen {}\nset rmargin at screen {}\nset xrange [{}:{}]\nset xlabel 'length n'\n", kLeftEdge,
                     kRightEdge, low_, high_) +
         (logarithmic_ ? fmt::format("set logscale x\nset xtics ({})\n", logarithmic_tics(low_, high_)) : "set xtics autofreq\n");
}

double LengthAxis::share(std::int64_t n) const {
  const double x = static_cast<double>(n);
  return logarithmic_ ? std::log(x / low_) / std::log(high_ / low_) : (x - low_) / (high_ - low_);
}

std::int64_t LengthAxis::bucket(std::int64_t n) const {
  return static_cast<std::int64_t>(share(n) * (kRightEdge - kLeftEdge) * kPictureWidth);
}

}  // namespace snellen
