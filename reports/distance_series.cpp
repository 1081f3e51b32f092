#include "reports/distance_series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/numbers.hpp"

namespace snellen {
namespace {

constexpr double kMostDecadesBelowThresholds = 20;

}  // namespace

Series bars_of(const std::vector<PairDistances>& pairs, std::size_t metric, const LengthAxis& axis) {
  Series result;
  for (const PairDistances& pair : pairs) {
    if (metric >= pair.by_metric.size() || !axis.shows(pair.n)) continue;
    const Enclosure& d = pair.by_metric[metric];
    const double nan = std::numeric_limits<double>::quiet_NaN();
    result.push_back(d.is_finite() ? Bar{pair.n, approximate_log10(d.lower), approximate_log10(d.upper)} : Bar{pair.n, nan, nan});
  }
  return result;
}

Series thinned(const Series& bars, const LengthAxis& axis) {
  Series result;
  for (std::size_t begin = 0, end = 0; begin < bars.size(); begin = end) {
    while (end < bars.size() && axis.bucket(bars[end].n) == axis.bucket(bars[begin].n)) ++end;
    std::vector<std::size_t> kept = {begin, begin, begin, end - 1};
    for (std::size_t i = begin; i < end; ++i) {
      if (bars[i].low < bars[kept[1]].low) kept[1] = i;
      if (bars[i].high > bars[kept[2]].high) kept[2] = i;
    }
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept) result.push_back(bars[i]);
  }
  return result;
}

bool has_zero(const Series& bars) {
  return std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return std::isinf(bar.high); });
}
bool has_positive(const Series& bars) {
  return std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return std::isfinite(bar.high); });
}

bool is_thin(const Series& bars) {
  return std::none_of(bars.begin(), bars.end(),
                      [](const Bar& bar) { return std::isfinite(bar.high) && !(bar.high - bar.low < kThinBand); });
}

std::optional<double> high_at(const Series& bars, std::int64_t n) {
  const auto found =
      std::lower_bound(bars.begin(), bars.end(), n, [](const Bar& bar, std::int64_t wanted) { return bar.n < wanted; });
  if (found == bars.end() || found->n != n || !std::isfinite(found->high)) return std::nullopt;
  return found->high;
}

Height height_of(const std::vector<Series>& series, const std::vector<double>& thresholds, std::size_t lanes) {
  const double infinity = std::numeric_limits<double>::infinity();
  double bottom = infinity, top = -infinity, lowest_threshold = infinity;
  const auto take = [&](double y) {
    if (std::isfinite(y)) bottom = std::min(bottom, y), top = std::max(top, y);
  };
  for (const double y : thresholds) take(y), lowest_threshold = std::min(lowest_threshold, y);
  for (const auto& bars : series)
    for (const Bar& bar : bars) take(bar.high);
  if (bottom > top) bottom = -8, top = 0;  // nothing but zeros
  bottom = std::max(bottom, std::min(lowest_threshold, top) - kMostDecadesBelowThresholds);
  top = std::max(top + 0.25, bottom + 2);
  bottom -= 0.25;
  return {bottom, top, (top - bottom) * 0.036, lanes};
}

double clamped(double y, const Height& height) { return std::clamp(y, height.bottom, height.top); }

std::string vertical_axis(const Height& height, Metric metric) {
  std::string result =
      fmt::format("set yrange [{}:{}]\nset ylabel 'distance D(n), {}' offset 1\n", height.lowest(), height.top, enhanced(metric));
  int step = 1;
  while ((height.top - height.bottom) / step > 12) step += step == 1 ? 1 : step == 2 ? 3 : step;
  std::string tics;
  for (int k = static_cast<int>(std::ceil(height.bottom / step)) * step; k <= height.top; k += step)
    tics += fmt::format("{}'10^{{{}}}' {}", tics.empty() ? "" : ", ", k, k);
  if (height.lanes > 0) {
    tics += fmt::format(", 'D = 0' {}", (height.bottom + height.lowest()) / 2);
    result += fmt::format(
        "set object 1 rectangle from graph 0, first {} to graph 1, first {} behind fillcolor '#EFEFEF' fillstyle solid "
        "noborder\n",
        height.lowest(), height.bottom);
    result += fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead linecolor '#555555' linewidth 1\n",
                          height.bottom);
  }
  return result + fmt::format("set ytics ({})\n", tics);
}

std::string key_script(const std::vector<Series>& series, const Height& height, const LengthAxis& axis) {
  const double top = height.bottom + height.pixels(21 * static_cast<double>(series.size()) + 15);
  const auto in_the_way = [&](const Bar& bar) { return axis.share(bar.n) < 0.36 && bar.low < top; };
  const bool free = std::none_of(series.begin(), series.end(),
                                 [&](const auto& bars) { return std::any_of(bars.begin(), bars.end(), in_the_way); });
  if (!free) return "set key tmargin left horizontal Left reverse samplen 1.6 width -4\n";
  return fmt::format("set key at graph 0.01, first {} left bottom vertical Left reverse samplen 1.6 width -4 opaque\n",
                     height.bottom + height.pixels(6));
}

std::string line_block(const std::string& name, const Series& bars, const Height& height) {
  std::string result = "$" + name + " << EOD\n";
  bool open = false;
  for (const Bar& bar : bars) {
    if (std::isfinite(bar.high))
      result += fmt::format("{} {:.4f} {:.4f}\n", bar.n, clamped(bar.low, height), clamped(bar.high, height)), open = true;
    else if (open)
      result += '\n', open = false;
  }
  return result + "EOD\n";
}

std::string zero_block(const std::string& name, const Series& bars, double y, const LengthAxis& axis) {
  std::string result = "$" + name + " << EOD\n";
  for (std::size_t begin = 0, end = 0; begin < bars.size(); begin = std::max(end, begin + 1)) {
    end = begin;
    while (end < bars.size() && std::isinf(bars[end].high)) ++end;
    if (end == begin) continue;
    const double left = std::max(axis.low(), static_cast<double>(bars[begin].n) - 0.5),
                 right = std::min(axis.high(), static_cast<double>(bars[end - 1].n) + 0.5);
    result += fmt::format("{} {:.4f} {} 0\n", left, y, right - left);
  }
  return result + "EOD\n";
}

}  // namespace snellen
