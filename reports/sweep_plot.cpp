#include "reports/sweep_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/length_scale.hpp"
#include "reports/plot_parts.hpp"

namespace snellen {
namespace {

constexpr int kColumns = 3;

// Viridis: its lightness grows evenly, so that it reads in grey and with any colour vision.
constexpr std::string_view kPalette = "set palette defined (0 '#440154', 1 '#3B528B', 2 '#21918C', 3 '#5EC962', 4 '#FDE725')\n";

std::string unquoted(std::string_view text) {
  const std::string quoted = gnuplot_string(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string tics(const SweepAxisSummary& axis) {
  std::string text;
  for (std::size_t v = 0; v < axis.names.size(); ++v) text += fmt::format("{}{} {}", v == 0 ? "" : ", ", gnuplot_string(axis.names[v]), v);
  return text;
}

std::string label_of(const std::string& format) { return format.empty() ? "exact model" : format; }

// Text in a data block: quoted, so that blanks stay in it.
std::string in_block(const std::string& text) { return '"' + text + '"'; }

struct Blocks {
  std::string text, plots;
  void add(const std::string& name, const std::string& data, const std::string& style) {
    if (data.empty()) return;
    text += fmt::format("${} << EOD\n{}EOD\n", name, data);
    plots += fmt::format("{}${} {}", plots.empty() ? "" : ", ", name, style);
  }
};

}  // namespace

HeatScale heat_scale(const SweepResults& results, const SweepView& view, const SweepQuestion& question) {
  HeatScale scale{std::numeric_limits<double>::infinity(), 0};
  const std::size_t rows = view.y ? results.axes[*view.y].names.size() : 1;
  for (const std::string& format : formats_of(results, question))
    for (const Facet& facet : facets_of(results, view))
      for (std::size_t x = 0; x < results.axes[view.x].names.size(); ++x)
        for (std::size_t y = 0; y < rows; ++y) {
          const SweepCell cell = cell_of(results, view, question, format, facet, x, y);
          if (cell.kind != SweepCell::Kind::length && cell.kind != SweepCell::Kind::open) continue;
          scale.low = std::min(scale.low, cell.log10);
          scale.high = std::max(scale.high, std::max(cell.log10, cell.most));
        }
  if (scale.low > scale.high) scale.low = 0;
  if (scale.high - scale.low < 1) scale.high = scale.low + 1;
  return scale;
}

Picture sweep_heat_map(const std::string& name, const SweepResults& results, const SweepView& view, const SweepQuestion& question, const Facet& facet,
                       const HeatScale& scale, const std::string& program) {
  const std::vector<std::string> formats = formats_of(results, question);
  if (formats.empty()) return {"", "no point has such a row"};
  const SweepAxisSummary& horizontal = results.axes[view.x];
  const std::size_t nx = horizontal.names.size(), ny = view.y ? results.axes[*view.y].names.size() : 1;
  const int rows = (static_cast<int>(formats.size()) + kColumns - 1) / kColumns;
  const int panel = std::clamp(46 + 30 * static_cast<int>(ny), 76, 420), height = 96 + rows * panel + (rows - 1) * 74;
  std::string script = std::string(kPalette) + fmt::format("set cbrange [{}:{}]\nunset colorbox\nset xrange [-0.5:{}]\nset yrange [-0.5:{}]\n", scale.low, scale.high,
                                                           static_cast<double>(nx) - 0.5, static_cast<double>(ny) - 0.5);
  script += fmt::format("set tics nomirror out scale 0.4 font ',12'\nset xtics ({})\n", tics(horizontal));
  script += view.y ? fmt::format("set ytics ({})\n", tics(results.axes[*view.y])) : "unset ytics\n";
  script += fmt::format("set xlabel {} font ',12' offset 0,0.5\nset title font ',14' offset 0,-0.6\nset border linecolor '#888888'\n", gnuplot_string(horizontal.label));
  script += fmt::format("set multiplot layout {},{} margins screen 0.105,0.985,{},{} spacing screen 0.075,{}\n", rows, kColumns, 64.0 / height, 1 - 30.0 / height, 74.0 / height);
  for (std::size_t f = 0; f < formats.size(); ++f) {
    std::string filled, grey, light, dark;
    for (std::size_t x = 0; x < nx; ++x)
      for (std::size_t y = 0; y < ny; ++y) {
        const SweepCell cell = cell_of(results, view, question, formats[f], facet, x, y);
        if (cell.kind == SweepCell::Kind::absent) continue;
        const std::string word = in_block(unquoted(cell.text) + (cell.kind == SweepCell::Kind::length && cell.to_horizon ? "°" : ""));
        if (cell.kind == SweepCell::Kind::length) {
          filled += fmt::format("{} {} {}\n", x, y, cell.log10);
          (cell.log10 < scale.low + 0.6 * (scale.high - scale.low) ? light : dark) += fmt::format("{} {} {}\n", x, y, word);
        } else {
          grey += fmt::format("{} {}\n", x, y);
          dark += fmt::format("{} {} {}\n", x, y, word);
        }
      }
    Blocks blocks;
    blocks.add(fmt::format("grey{}", f), grey, "using 1:2:(0.5):(0.5) with boxxyerror fillstyle solid 1.0 noborder linecolor '#E4E7EB' notitle");
    blocks.add(fmt::format("filled{}", f), filled, "using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid 1.0 noborder linecolor palette notitle");
    blocks.add(fmt::format("light{}", f), light, "using 1:2:3 with labels font ',11' textcolor '#FFFFFF' notitle");
    blocks.add(fmt::format("dark{}", f), dark, "using 1:2:3 with labels font ',11' textcolor '#16202B' notitle");
    // The outer panels alone say what the axes are.
    if (view.y) script += f % kColumns == 0 ? fmt::format("set ylabel {} font ',12' offset 1\n", gnuplot_string(results.axes[*view.y].label)) : "unset ylabel\n";
    script += fmt::format("set title {}\n", gnuplot_string(label_of(formats[f]))) + blocks.text + "plot " + (blocks.plots.empty() ? "NaN notitle" : blocks.plots) + "\n";
  }
  return gnuplot(name, script + "unset multiplot\n", kPictureWidth, height, program);
}

Picture sweep_small_multiples(const std::string& name, const SweepResults& results, const SweepView& view, const SweepQuestion& question,
                              const std::vector<Facet>& facets, const HeatScale& scale, const std::string& program) {
  const std::vector<std::string> formats = formats_of(results, question);
  if (formats.empty()) return {"", "no point has such a row"};
  const SweepAxisSummary& horizontal = results.axes[view.x];
  const std::size_t nx = horizontal.names.size();
  std::vector<std::size_t> ys = {0};
  if (view.y) {
    const std::size_t count = results.axes[*view.y].names.size();
    ys = count <= 3 ? std::vector<std::size_t>() : std::vector<std::size_t>{0, count / 2, count - 1};
    for (std::size_t v = 0; count <= 3 && v < count; ++v) ys.push_back(v);
  }
  const int rows = static_cast<int>(facets.size()), columns = static_cast<int>(ys.size());
  const int height = 126 + rows * 130 + (rows - 1) * 64;
  const double top = scale.high + 0.06 * scale.high + 0.2;
  std::string script = fmt::format("set xrange [-0.3:{}]\nset yrange [0:{}]\nset xtics ({})\nset ytics ({})\nset grid ytics linecolor '#E4E4E4'\n", static_cast<double>(nx) - 0.7, top,
                                   tics(horizontal), decade_tics(top));
  script += "set tics nomirror out scale 0.4 font ',12'\nset border 3 linecolor '#888888'\nset title font ',13' offset 0,-0.6\nunset key\n";
  script += fmt::format("set multiplot layout {},{} margins screen 0.075,0.985,{},{} spacing screen 0.05,{}\n", rows, columns, 64.0 / height, 1 - 62.0 / height, 64.0 / height);
  std::size_t number = 0;
  for (const Facet& facet : facets)
    for (const std::size_t y : ys) {
      Blocks blocks;
      for (std::size_t f = 0; f < formats.size(); ++f) {
        std::string curve, open;
        // Curves of different formats stand beside each other, not upon each other.
        const double shift = formats.size() < 2 ? 0 : 0.12 * (static_cast<double>(f) / static_cast<double>(formats.size() - 1) - 0.5);
        for (std::size_t x = 0; x < nx; ++x) {
          const SweepCell cell = cell_of(results, view, question, formats[f], facet, x, y);
          const double at = static_cast<double>(x) + shift;
          if (cell.kind == SweepCell::Kind::length)
            curve += fmt::format("{} {} {} {}\n", at, cell.log10, cell.least, cell.most);
          else
            curve += "\n";  // a gap
          if (cell.kind == SweepCell::Kind::open) open += fmt::format("{} {}\n", at, cell.log10);
        }
        if (curve.find_first_not_of('\n') == std::string::npos) curve.clear();
        const std::string_view colour = run_colour(f);
        blocks.add(fmt::format("curve{}_{}", number, f), curve, fmt::format("using 1:2 with linespoints pointtype 7 pointsize 0.7 linewidth 1.6 linecolor '{}'", colour));
        if (!curve.empty()) blocks.plots += fmt::format(", $curve{}_{} using 1:2:3:4 with yerrorbars pointtype 7 pointsize 0.1 linewidth 1 linecolor '{}'", number, f, colour);
        blocks.add(fmt::format("open{}_{}", number, f), open, fmt::format("using 1:2 with points pointtype 8 pointsize 0.9 linecolor '{}'", colour));
      }
      std::string title = facet.name;
      if (view.y) title += fmt::format("{}{} {}", title.empty() ? "" : ", ", results.axes[*view.y].label, results.axes[*view.y].names[y]);
      script += fmt::format("set title {}\n", gnuplot_string(title));
      script += number + static_cast<std::size_t>(columns) >= static_cast<std::size_t>(rows * columns) ? fmt::format("set xlabel {} font ',12' offset 0,0.5\n", gnuplot_string(horizontal.label)) : "unset xlabel\n";
      if (number == 0) {  // the key, once, above all panels
        for (std::size_t f = 0; f < formats.size(); ++f)
          script += fmt::format("set label {0} '{1}' at screen {2},{3} left point pointtype 7 pointsize 0.8 linecolor '{4}' offset 0.8,0 textcolor '{4}' font ',13'\n", f + 1,
                                unquoted(label_of(formats[f])), 0.08 + 0.9 * static_cast<double>(f) / static_cast<double>(std::max<std::size_t>(6, formats.size())), 1 - 18.0 / height, run_colour(f));
      } else if (number == 1) {
        script += "unset label\n";
      }
      script += blocks.text + "plot " + (blocks.plots.empty() ? "NaN" : blocks.plots) + "\n";
      ++number;
    }
  return gnuplot(name, script + "unset multiplot\n", kPictureWidth, height, program);
}

}  // namespace snellen
