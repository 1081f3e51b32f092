#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "reports/distance_series.hpp"
#include "reports/numbers.hpp"
#include "reports/plot.hpp"
#include "reports/plot_parts.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

constexpr std::size_t kMostDots = 300;  // beyond, dots on a line only blur it

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

// The length from which collapse is proved, if it lies in the picture.
std::optional<std::int64_t> length_in(const Inevitable& known, std::int64_t from, std::int64_t to) {
  if (!known.upper || known.upper->size() > 18) return std::nullopt;  // beyond 18 digits no horizon reaches
  const std::int64_t n = std::stoll(*known.upper);
  return n >= from && n <= to ? std::optional(n) : std::nullopt;
}

std::vector<double> logarithms_of(const std::vector<Threshold>& thresholds) {
  std::vector<double> result;
  for (const Threshold& t : thresholds) result.push_back(t.y);
  return result;
}

// Each threshold's line, its name beyond the right end (moved apart where lines are close), and where D(n) has fallen below it
// for good.
std::string threshold_script(const std::vector<Threshold>& thresholds, const Series& exact, const Height& height,
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

}  // namespace

Picture distance_plot(const Certification& c, std::size_t metric, const std::string& program) {
  const LengthAxis axis(c.from, c.to);
  std::vector<Series> series = {bars_of(c.distances, metric, axis)};  // the exact model, then the runs
  for (const EngineRun& run : c.runs) series.push_back(bars_of(run.distances, metric, axis));
  const std::vector<Threshold> thresholds = thresholds_of(c, c.metrics[metric]);
  const Height height =
      height_of(series, logarithms_of(thresholds), static_cast<std::size_t>(std::count_if(series.begin(), series.end(), has_zero)));

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
    const Series bars = thinned(series[s], axis);
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
                 kPictureWidth, kDistanceHeight, program);
}

}  // namespace snellen
