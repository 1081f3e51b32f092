#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "reports/numbers.hpp"
#include "reports/plot.hpp"
#include "reports/plot_parts.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

constexpr int kHeight = 450;
constexpr std::size_t kMostDots = 300;  // beyond, dots on a line only blur it
constexpr double kMostDecadesBelowThresholds = 20;

// log10 of an enclosure's ends: -inf for zero, NaN for what is not finite.
struct Bar {
  std::int64_t n;
  double low, high;
};

std::vector<Bar> bars_of(const std::vector<PairDistances>& pairs, std::size_t metric, const LengthAxis& axis) {
  std::vector<Bar> result;
  for (const PairDistances& pair : pairs) {
    if (metric >= pair.by_metric.size() || !axis.shows(pair.n)) continue;
    const Enclosure& d = pair.by_metric[metric];
    const double nan = std::numeric_limits<double>::quiet_NaN();
    result.push_back(d.is_finite() ? Bar{pair.n, approximate_log10(d.lower), approximate_log10(d.upper)} : Bar{pair.n, nan, nan});
  }
  return result;
}

// At most a handful of bars for each pixel, extremes kept, so that the picture is the same as with all of them.
std::vector<Bar> thinned(const std::vector<Bar>& bars, const LengthAxis& axis) {
  std::vector<Bar> result;
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

struct Threshold {
  double y;           // log10 of eps
  std::string label;  // "fp16, tf32   2^{-10}", a gnuplot string without its quotes
  const CollapseRow* row;
};

std::vector<Threshold> thresholds_of(const Certification& c, Metric metric) {
  std::vector<Threshold> result;
  std::vector<std::string> names;
  for (const CollapseRow& row : c.rows) {
    if (row.criterion != Criterion::tolerance || row.metric != metric || !row.eps || !row.format) continue;
    const auto same = std::find_if(result.begin(), result.end(), [&](const Threshold& t) { return *t.row->eps == *row.eps; });
    if (same == result.end()) {
      result.push_back({approximate_log10(*row.eps), {}, &row});
      names.push_back(row.format->name);
    } else {
      names[static_cast<std::size_t>(same - result.begin())] += ", " + row.format->name;
    }
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::string name = gnuplot_string(names[i]);
    result[i].label = fmt::format("{}  {}", name.substr(1, name.size() - 2), enhanced(*result[i].row->eps));
  }
  std::sort(result.begin(), result.end(), [](const Threshold& a, const Threshold& b) { return a.y > b.y; });
  return result;
}

// The vertical axis: log10 D between bottom and top, and below it the strip of zeros, one lane for each series that has any.
struct Height {
  double bottom, top, lane;
  std::size_t lanes = 0;
  double lowest() const { return bottom - (lanes == 0 ? 0 : (static_cast<double>(lanes) + 1) * lane); }
  double lane_centre(std::size_t i) const { return bottom - (static_cast<double>(i) + 1) * lane; }
  double pixels(double count) const { return (top - lowest()) * count / (0.76 * kHeight); }
};

Height height_of(const std::vector<std::vector<Bar>>& series, const std::vector<Threshold>& thresholds, std::size_t lanes) {
  const double infinity = std::numeric_limits<double>::infinity();
  double bottom = infinity, top = -infinity, lowest_threshold = infinity;
  const auto take = [&](double y) {
    if (std::isfinite(y)) bottom = std::min(bottom, y), top = std::max(top, y);
  };
  for (const Threshold& t : thresholds) take(t.y), lowest_threshold = std::min(lowest_threshold, t.y);
  for (const auto& bars : series)
    for (const Bar& bar : bars) take(bar.high);
  if (bottom > top) bottom = -8, top = 0;  // nothing but zeros
  bottom = std::max(bottom, std::min(lowest_threshold, top) - kMostDecadesBelowThresholds);
  top = std::max(top + 0.25, bottom + 2);
  bottom -= 0.25;
  return {bottom, top, (top - bottom) * 0.036, lanes};
}

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

double clamped(double y, const Height& height) { return std::clamp(y, height.bottom, height.top); }

// The upper end of log10 D(n), where there is one to draw.
std::optional<double> high_at(const std::vector<Bar>& bars, std::int64_t n) {
  const auto found =
      std::lower_bound(bars.begin(), bars.end(), n, [](const Bar& bar, std::int64_t wanted) { return bar.n < wanted; });
  if (found == bars.end() || found->n != n || !std::isfinite(found->high)) return std::nullopt;
  return found->high;
}

// The length from which collapse is proved, if it lies in the picture.
std::optional<std::int64_t> length_in(const Inevitable& known, std::int64_t from, std::int64_t to) {
  if (!known.upper || known.upper->size() > 18) return std::nullopt;  // beyond 18 digits no horizon reaches
  const std::int64_t n = std::stoll(*known.upper);
  return n >= from && n <= to ? std::optional(n) : std::nullopt;
}

// Each threshold's line, its name beyond the right end (moved apart where lines are close), and where D(n) has fallen below it
// for good.
std::string threshold_script(const std::vector<Threshold>& thresholds, const std::vector<Bar>& exact, const Height& height,
                             const Certification& c) {
  std::string result;
  std::vector<double> label_at;
  for (const Threshold& t : thresholds)
    label_at.push_back(label_at.empty() ? t.y : std::min(t.y, label_at.back() - height.pixels(17)));
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const Threshold& t = thresholds[i];
    result +=
        fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead back linecolor '#9A9A9A' linewidth 1\n", t.y);
    result += fmt::format("set arrow from graph 1, first {} to graph 1.012, first {} nohead linecolor '#9A9A9A' linewidth 1\n",
                          t.y, label_at[i]);
    result += fmt::format("set label '{}' at graph 1.017, first {} left textcolor '#333333'\n", t.label, label_at[i]);
    const auto n = length_in(t.row->inevitable, std::max<std::int64_t>(c.from, 1), c.to);
    if (!n) continue;
    result += fmt::format(
        "set arrow from first {0}, first {1} to first {0}, first {2} nohead linecolor '#444444' dashtype 3 linewidth 1\n", *n,
        t.y, height.bottom);
    result +=
        fmt::format("set label '' at first {}, first {} point pointtype 7 pointsize 0.6 linecolor '#111111' front\n", *n, t.y);
    // Under the curve there is room.
    result += fmt::format("set label {} at first {}, first {} right offset character -0.4, character -1 font ',13' front\n",
                          gnuplot_string(collapse_start(*t.row, c.to)), *n,
                          clamped(std::min(t.y, high_at(exact, *n).value_or(t.y)), height));
  }
  return result;
}

// Distances mostly fall, so the lower left is the natural place for the key; above the picture where a curve passes there.
std::string key_script(const std::vector<std::vector<Bar>>& series, const Height& height, const LengthAxis& axis) {
  const double top = height.bottom + height.pixels(21 * static_cast<double>(series.size()) + 15);
  const auto in_the_way = [&](const Bar& bar) { return axis.share(bar.n) < 0.36 && bar.low < top; };
  const bool free = std::none_of(series.begin(), series.end(),
                                 [&](const auto& bars) { return std::any_of(bars.begin(), bars.end(), in_the_way); });
  if (!free) return "set key tmargin left horizontal Left reverse samplen 1.6 width -4\n";
  return fmt::format("set key at graph 0.01, first {} left bottom vertical Left reverse samplen 1.6 width -4 opaque\n",
                     height.bottom + height.pixels(6));
}

// Positive distances as a polyline, broken where they vanish or are not finite.
std::string line_block(const std::string& name, const std::vector<Bar>& bars, const Height& height) {
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

// The stretches of zeros as horizontal strokes: x, y, length.
std::string zero_block(const std::string& name, const std::vector<Bar>& bars, double y, const LengthAxis& axis) {
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

bool has_zero(const std::vector<Bar>& bars) {
  return std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return std::isinf(bar.high); });
}
bool has_positive(const std::vector<Bar>& bars) {
  return std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return std::isfinite(bar.high); });
}

// The band is nowhere wider than the line that stands for it.
bool is_thin(const std::vector<Bar>& bars) {
  return std::none_of(bars.begin(), bars.end(),
                      [](const Bar& bar) { return std::isfinite(bar.high) && !(bar.high - bar.low < kThinBand); });
}

}  // namespace

Picture distance_plot(const Certification& c, std::size_t metric, const std::string& program) {
  const LengthAxis axis(c.from, c.to);
  std::vector<std::vector<Bar>> series = {bars_of(c.distances, metric, axis)};  // the exact model, then the runs
  for (const EngineRun& run : c.runs) series.push_back(bars_of(run.distances, metric, axis));
  const std::vector<Threshold> thresholds = thresholds_of(c, c.metrics[metric]);
  const Height height =
      height_of(series, thresholds, static_cast<std::size_t>(std::count_if(series.begin(), series.end(), has_zero)));

  std::string script =
      axis.script() + vertical_axis(height, c.metrics[metric]) + threshold_script(thresholds, series[0], height, c);
  script += "set border 3 linecolor '#555555'\nset tics nomirror out scale 0.6\n" + key_script(series, height, axis);
  if (std::any_of(series[0].begin(), series[0].end(),
                  [&](const Bar& bar) { return std::isfinite(bar.high) && bar.high < height.bottom; }))
    script += fmt::format(
        "set label 'the exact D(n) goes on below' at graph 0.99, first {} right offset 0, character 0.7 font ',13' front\n",
        height.bottom);
  std::string blocks, plots;
  std::size_t lane = 0;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const std::vector<Bar> bars = thinned(series[s], axis);
    const std::string name = fmt::format("series{}", s);
    const std::string colour(s == 0 ? "#111111" : run_colour(s - 1));
    const std::string title =
        s == 0 ? "'exact model, certified'"
               : gnuplot_string(c.runs[s - 1].profile + (c.runs[s - 1].trouble ? " (" + c.runs[s - 1].trouble->what + ")" : ""));
    if (has_positive(bars)) {
      blocks += line_block(name, bars, height);
      if (s == 0 && is_thin(series[0]))
        plots += fmt::format(", ${} using 1:3 with lines linecolor '{}' linewidth 3.6 title {}", name, colour, title);
      else if (s == 0)
        plots += fmt::format(
            ", ${0} using 1:2:3 with filledcurves fillcolor '#9FB6CC' fillstyle solid 0.8 title {2}"
            ", ${0} using 1:2 with lines linecolor '{1}' linewidth 1.4 notitle"
            ", ${0} using 1:3 with lines linecolor '{1}' linewidth 1.4 notitle",
            name, colour, title);
      else
        plots += fmt::format(", ${} using 1:3 with {} linecolor '{}' linewidth 1.3 pointtype 7 pointsize 0.2 title {}", name,
                             bars.size() <= kMostDots ? "linespoints" : "lines", colour, title);
    } else {
      plots += fmt::format(", NaN with lines linecolor '{}' linewidth 2 title {}", colour, title);
    }
    if (!has_zero(series[s])) continue;
    const double y = height.lane_centre(lane++);
    blocks += zero_block(name + "zero", bars, y, axis);
    plots += fmt::format(", ${}zero with vectors nohead linecolor '{}' linewidth 6 notitle", name, colour);
    const auto start = s == 0 ? std::nullopt : identical_from(c.runs[s - 1]);
    if (!start || !axis.shows(*start)) continue;
    script += fmt::format("set label 'from {}' at graph 1.017, first {} left font ',11' textcolor '{}' front\n", *start, y, colour);
    if (const auto exact = high_at(series[0], *start))
      script += fmt::format(
          "set arrow from first {0}, first {1} to first {0}, first {2} nohead linecolor '{3}' dashtype 2 linewidth 1\n", *start,
          y, clamped(*exact, height), colour);
  }
  return gnuplot("distances_" + std::string(name_of(c.metrics[metric])), script + blocks + "plot " + plots.substr(2) + '\n',
                 kPictureWidth, kHeight, program);
}

}  // namespace snellen
