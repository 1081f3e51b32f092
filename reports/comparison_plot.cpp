#include "reports/comparison_plot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/distance_series.hpp"
#include "reports/numbers.hpp"
#include "reports/plot_parts.hpp"

namespace snellen {
namespace {

constexpr int kWidth = 640;

std::string label_of_threshold(const NamedThreshold& threshold) {
  const std::string name = gnuplot_string(threshold.name);
  return fmt::format("{}  {}", name.substr(1, name.size() - 2), enhanced(threshold.eps));
}

}  // namespace

Picture comparison_plot(const std::string& name, const std::vector<Compared>& cases, const std::vector<NamedThreshold>& thresholds, const std::string& program) {
  std::int64_t from = cases[0].result->from, to = cases[0].result->to;
  for (const Compared& compared : cases) from = std::min(from, compared.result->from), to = std::max(to, compared.result->to);
  const LengthAxis axis(from, to);
  std::vector<Series> series;
  for (const Compared& compared : cases) series.push_back(bars_of(compared.result->distances, compared.metric, axis));
  std::vector<double> lines;
  for (const NamedThreshold& threshold : thresholds) lines.push_back(approximate_log10(threshold.eps));
  const Height height = height_of(series, lines, static_cast<std::size_t>(std::count_if(series.begin(), series.end(), has_zero)));

  std::string script = axis.script() + "set lmargin at screen 0.13\nset rmargin at screen 0.83\n" + vertical_axis(height, cases[0].result->metrics[cases[0].metric]);
  script += "set border 3 linecolor '#555555'\nset tics nomirror out scale 0.6\nset key tmargin left vertical Left reverse samplen 1.6\n";
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    script += fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead back linecolor '#9A9A9A' linewidth 1\n", lines[i]);
    script += fmt::format("set label '{}' at graph 1.017, first {} left textcolor '#333333'\n", label_of_threshold(thresholds[i]), lines[i]);
  }
  std::string blocks, plots;
  std::size_t lane = 0;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const Series bars = thinned(series[s], axis);
    const std::string block = fmt::format("series{}", s), title = gnuplot_string(cases[s].label);
    const std::string_view colour = run_colour(s);
    if (has_positive(bars)) {
      blocks += line_block(block, bars, height);
      if (!is_thin(bars)) {
        plots += fmt::format(", ${0} using 1:2:3 with filledcurves fillcolor '{1}' fillstyle transparent solid 0.3 notitle", block, colour);
      }
      plots += fmt::format(", ${0} using 1:3 with lines linecolor '{1}' linewidth 1.8 title {2}", block, colour, title);
    } else {
      plots += fmt::format(", NaN with lines linecolor '{}' linewidth 1.8 title {}", colour, title);
    }
    if (!has_zero(series[s])) continue;
    blocks += zero_block(block + "zero", bars, height.lane_centre(lane++), axis);
    plots += fmt::format(", ${}zero with vectors nohead linecolor '{}' linewidth 6 notitle", block, colour);
  }
  return gnuplot(name, script + blocks + "plot " + plots.substr(2) + '\n', kWidth, kDistanceHeight, program);
}

}  // namespace snellen
