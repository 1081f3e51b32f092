#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reports/length_scale.hpp"
#include "reports/plot.hpp"
#include "reports/plot_parts.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

// One lane a row: a mark at N*, an interval for a bracket, an arrow where collapse is only known not to have come yet, words where there is no length.
struct Lane {
  const CollapseRow* row;
  double y;
};

std::string_view colour_of(const CollapseRow& row) {
  constexpr std::array<std::string_view, 3> by_metric = {"#D55E00", "#CC79A7", "#009E73"};
  if (row.criterion == Criterion::bitwise) return "#0B3C6F";
  if (row.criterion == Criterion::argmax) return "#555555";
  return by_metric[static_cast<std::size_t>(row.metric.value_or(Metric::l1))];
}

std::string label_of_row(const CollapseRow& row) {
  if (row.criterion != Criterion::tolerance || !row.metric || !row.eps) return gnuplot_string(format_label(row) + "  " + criterion_label(row));
  std::string text = gnuplot_string(format_label(row));
  text.pop_back();
  return text + fmt::format("  {} ≤ {}'", enhanced(*row.metric), enhanced(*row.eps));
}

bool is_for_all(const CollapseRow& row) { return row.inevitable.scope == Scope::all; }

// The lengths that a lane marks, as log10.
struct Marks {
  double low = 0, high = 0;
  bool has_low = false, has_high = false;
};

Marks marks_of(const CollapseRow& row) {
  Marks m;
  const Inevitable& known = row.inevitable;
  if (known.upper) m.high = log10_of_length(*known.upper), m.has_high = true;
  if (known.upper || known.scope == Scope::all || row.last_distinct) m.low = std::max(0.0, log10_of_length(known.lower)), m.has_low = true;
  return m;
}

}  // namespace

Picture collapse_plot(const Certification& c, const std::string& program) {
  std::vector<Lane> lanes;
  double y = 0, high = std::log10(static_cast<double>(std::max<std::int64_t>(c.to, 1)));
  for (const CollapseRow* row : rows_by_format(c)) {
    if (!lanes.empty() && !(lanes.back().row->format == row->format)) y -= 0.35;
    lanes.push_back({row, y});
    y -= 1;
    const Marks m = marks_of(*row);
    if (m.has_high) high = std::max(high, m.high);
    if (m.has_low) high = std::max(high, m.low);
  }
  if (lanes.empty()) return {"", "there are no lengths to draw"};
  high += std::max(0.35, 0.04 * high);
  const double horizon = std::log10(static_cast<double>(std::max<std::int64_t>(c.to, 1)));
  std::string labels, proved, seen, intervals;
  for (const Lane& lane : lanes) {
    const CollapseRow& row = *lane.row;
    const std::string_view colour = colour_of(row);
    const Marks m = marks_of(row);
    const int rgb = static_cast<int>(std::stol(std::string(colour.substr(1)), nullptr, 16));
    const Inevitable& known = row.inevitable;
    std::string note = gnuplot_string(collapse_start(row, c.to));
    if (m.has_high && known.status == Status::bracket) note = fmt::format("'{} to {}'", short_length(known.lower), short_length(*known.upper));
    if (m.has_high && known.lower.size() > 15) note = "'" + short_length(*known.upper) + "'";
    labels += fmt::format("set label {} at graph -0.012, first {} right textcolor '{}'\n", label_of_row(row), lane.y, colour);
    labels += label_beyond(note, lane.y, colour);
    labels += fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead back linecolor '#EDEDED' linewidth 1\n", lane.y);
    if (row.inevitable.status == Status::never || row.basis.overflow_from) continue;
    if (!m.has_high) {  // not yet at the horizon, or at the last pair proved distinct
      if (m.has_low)
        labels += fmt::format("set arrow from first {}, first {} to graph 0.995, first {} head size screen 0.008,20 filled linecolor '{}' dashtype 3 linewidth 1.2\n",
                              m.low, lane.y, lane.y, colour);
      continue;
    }
    if (row.inevitable.lower != *row.inevitable.upper) intervals += fmt::format("{} {} {} 0 {}\n", m.low, lane.y, m.high - m.low, rgb);
    (is_for_all(row) ? proved : seen) += fmt::format("{} {} {}\n", m.high, lane.y, rgb);
  }
  std::string blocks, plots;
  const auto plot = [&](const std::string& name, const std::string& data, const std::string& style, const std::string& title) {
    if (data.empty()) return;
    blocks += fmt::format("${} << EOD\n{}EOD\n", name, data);
    plots += fmt::format("{}${} {} title '{}'", plots.empty() ? "" : ", ", name, style, title);
  };
  plot("intervals", intervals, "using 1:2:3:4:5 with vectors nohead linewidth 5 linecolor rgb variable", "between: not decided");
  plot("proved", proved, "using 1:2:3 with points pointtype 7 pointsize 1 linecolor rgb variable", "from here on, for ever: proved for every n");
  plot("seen", seen, "using 1:2:3 with points pointtype 6 pointsize 1 linewidth 1.6 linecolor rgb variable", "from here to the horizon only");
  if (plots.empty()) plots = "NaN notitle";
  const double bottom = y + 0.4, top = 0.6;
  const std::string script =
      fmt::format("set lmargin at screen {}\nset rmargin at screen {}\nset xrange [0:{}]\nset xtics ({})\nset xlabel 'length n'\n", kLeftEdge, kRightEdge, high, decade_tics(high)) +
      fmt::format("set yrange [{}:{}]\nunset ytics\nset border 1 linecolor '#555555'\nset xtics nomirror out scale 0.6\n", bottom, top) +
      fmt::format("set arrow from first {0}, first {1} to first {0}, first {2} nohead back linecolor '#999999' dashtype 2 linewidth 1\n"
                  "set label 'horizon' at first {0}, first {1} left offset character 0.4, character 0.6 textcolor '#777777' font ',11'\n", horizon, bottom, top) +
      "set key tmargin left horizontal Left reverse samplen 1 width 1\n" + labels;
  return gnuplot("collapse", script + blocks + "plot " + plots + '\n', kPictureWidth, static_cast<int>(105 + 24 * (top - bottom)), program);
}

}  // namespace snellen
