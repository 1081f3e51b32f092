#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/length_scale.hpp"
#include "reports/plot.hpp"
#include "reports/plot_parts.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

struct Kind {
  Verdict verdict;
  std::string_view title, colour;
};
// In the order in which they are stacked in a divided cell, from below.
constexpr std::array<Kind, 4> kKinds = {{{Verdict::collapsed, "collapsed", "#0B3C6F"},
                                         {Verdict::undecided, "undecided", "#E69F00"},
                                         {Verdict::overflow, "overflow or NaN", "#AA3377"},
                                         {Verdict::distinct, "distinct", "#C9DDEE"}}};

struct Strip {
  std::string label;  // a gnuplot string
  std::string note;   // as well
  std::string_view colour;                              // of the label
  std::vector<std::pair<std::int64_t, Verdict>> cells;  // n ascending
};

std::string label_of(const CollapseRow& row) {
  if (row.criterion != Criterion::tolerance || !row.metric || !row.eps)
    return gnuplot_string(format_label(row) + "  " + criterion_label(row));
  std::string text = gnuplot_string(format_label(row));
  text.pop_back();
  return text + fmt::format("  {} ≤ {}'", enhanced(*row.metric), enhanced(*row.eps));
}

using Shares = std::array<std::int64_t, kKinds.size()>;

// The boxes of one strip at height y, appended to the data of each kind.
void append_boxes(const Strip& strip, double y, const LengthAxis& axis, std::array<std::string, kKinds.size()>& data) {
  struct Cell {
    std::int64_t first, last;
    Shares shares;
  };
  std::vector<Cell> cells;
  const auto one_kind = [](const Shares& shares) {
    return std::count(shares.begin(), shares.end(), 0) == static_cast<long>(shares.size()) - 1;
  };
  const auto same_kind = [&](const Cell& a, const Cell& b) {
    return one_kind(a.shares) && one_kind(b.shares) &&
           std::equal(a.shares.begin(), a.shares.end(), b.shares.begin(), [](auto x, auto z) { return (x == 0) == (z == 0); });
  };
  for (std::size_t begin = 0, end = 0; begin < strip.cells.size(); begin = end) {
    if (!axis.shows(strip.cells[begin].first)) {
      ++end;
      continue;
    }
    Shares shares{};
    while (end < strip.cells.size() && axis.bucket(strip.cells[end].first) == axis.bucket(strip.cells[begin].first)) {
      const auto kind =
          std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.verdict == strip.cells[end].second; });
      ++shares[static_cast<std::size_t>(kind - kKinds.begin())], ++end;
    }
    const Cell cell{strip.cells[begin].first, strip.cells[end - 1].first, shares};
    if (!cells.empty() && cells.back().last + 1 == cell.first && same_kind(cells.back(), cell))
      cells.back().last = cell.last;
    else
      cells.push_back(cell);
  }
  constexpr double kThickness = 0.72;
  for (const Cell& cell : cells) {
    const double left = std::max(axis.low(), static_cast<double>(cell.first) - 0.5);
    const double right = std::min(axis.high(), static_cast<double>(cell.last) + 0.5);
    std::int64_t total = 0;
    for (const std::int64_t share : cell.shares) total += share;
    double below = y - kThickness / 2;
    for (std::size_t k = 0; k < kKinds.size(); ++k) {
      if (cell.shares[k] == 0) continue;
      const double above = below + kThickness * static_cast<double>(cell.shares[k]) / static_cast<double>(total);
      data[k] += fmt::format("{} {:.4f} {} {} {:.4f} {:.4f}\n", cell.first, y, left, right, below, above);
      below = above;
    }
  }
}

}  // namespace

Picture verdict_plot(const Certification& c, const std::string& program) {
  const LengthAxis axis(c.from, c.to);
  std::array<std::string, kKinds.size()> data;
  std::string labels;
  double y = 0;
  const auto add = [&](const Strip& strip) {
    append_boxes(strip, y, axis, data);
    labels += fmt::format("set label {} at graph -0.012, first {} right textcolor '{}'\n", strip.label, y, strip.colour);
    labels += label_beyond(strip.note, y, strip.colour);
    y -= 1;
  };
  const CollapseRow* before = nullptr;
  for (const CollapseRow* row : rows_by_format(c)) {
    if (before && !(before->format == row->format)) y -= 0.35;
    before = row;
    const std::string start = collapse_start(*row, c.to);
    const Inevitable& known = row->inevitable;
    std::string from = gnuplot_string(known.upper ? "from " + start : start);
    if (known.upper && known.lower == *known.upper) from = "'from " + short_length(start) + "'";
    else if (known.upper && known.upper->size() > 6) from = fmt::format("'{} to {}'", short_length(known.lower), short_length(*known.upper));
    Strip strip{label_of(*row), from, "#222222", {}};
    for (std::size_t i = 0; i < row->verdicts.size(); ++i)
      strip.cells.emplace_back(c.from + static_cast<std::int64_t>(i), row->verdicts[i]);
    add(strip);
  }
  if (!c.runs.empty() && before) y -= 0.6;
  for (std::size_t r = 0; r < c.runs.size(); ++r) {
    const EngineRun& run = c.runs[r];
    const auto start = identical_from(run);
    Strip strip{gnuplot_string(run.profile),
                gnuplot_string(start         ? fmt::format("from {}", *start)
                               : run.trouble ? run.trouble->what
                                             : "not by " + std::to_string(c.to)),
                run_colour(r),
                {}};
    for (const PairDistances& pair : run.distances) strip.cells.emplace_back(pair.n, verdict_of_run(pair));
    add(strip);
  }
  std::string blocks, plots;
  for (std::size_t k = 0; k < kKinds.size(); ++k) {
    if (data[k].empty()) continue;
    blocks += fmt::format("$kind{} << EOD\n{}EOD\n", k, data[k]);
    plots += fmt::format(", $kind{} with boxxyerror fillcolor '{}' fillstyle solid 1 noborder title '{}'", k, kKinds[k].colour,
                         kKinds[k].title);
  }
  if (plots.empty()) return {"", "there are no verdicts to draw"};
  const double bottom = y + 0.4, top = 0.6;
  const int height = static_cast<int>(105 + 24 * (top - bottom));
  const std::string script =
      axis.script() + fmt::format("set yrange [{}:{}]\nunset ytics\nset border 1 linecolor '#555555'\n", bottom, top) +
      "set xtics nomirror out scale 0.6\nset key tmargin left horizontal Left reverse samplen 1 width -3\n" + labels;
  return gnuplot("verdicts", script + blocks + "plot " + plots.substr(2) + '\n', kPictureWidth, height, program);
}

Pictures draw(const Certification& c, const std::string& program) {
  Pictures result;
  for (std::size_t metric = 0; metric < c.metrics.size(); ++metric) result.distances.push_back(distance_plot(c, metric, program));
  result.verdicts = verdict_plot(c, program);
  if (c.inevitable) result.collapse = collapse_plot(c, program);
  return result;
}

}  // namespace snellen
