#include "tests/bench/cost_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace snellen {
namespace {

using Run = benchmark::BenchmarkReporter::Run;

struct Curve {
  std::string name, colour;
  std::vector<std::pair<double, double>> points;  // size, seconds
};

// The argument "tokens:64" of a run.
double argument(const Run& run, const std::string& name) {
  const std::string& text = run.run_name.args;
  const std::size_t at = text.find(name + ":");
  return at == std::string::npos ? NAN : std::stod(text.substr(at + name.size() + 1));
}

std::vector<Curve> curves(const Runs& runs, const std::string& growing) {
  std::vector<Curve> result = {{"the whole pass", "#000000", {}}, {"attention", "#D55E00", {}}, {"linear maps", "#0072B2", {}},
                               {"norms", "#CC79A7", {}},          {"the rest", "#009E73", {}},  {"engine bf16-acc32, emulated", "#999999", {}}};
  for (const Run& run : runs) {
    if (family(run) != "cost" || kind(run) != growing || !failure(run).empty()) continue;
    const double seconds = counter(run, "seconds");
    const std::array values = {seconds,
                               seconds * counter(run, "attention"),
                               seconds * counter(run, "linear"),
                               seconds * counter(run, "norms"),
                               seconds * counter(run, "other"),
                               seconds / counter(run, "bf16-acc32")};
    for (std::size_t i = 0; i < values.size(); ++i) result[i].points.emplace_back(argument(run, growing), values[i]);
  }
  return result;
}

// The power by which a curve's last step grows.
std::string slope(const Curve& curve) {
  const auto& [x1, y1] = curve.points[curve.points.size() - 2];
  const auto& [x2, y2] = curve.points.back();
  return fmt::format("{:.2f}", std::log(y2 / y1) / std::log(x2 / x1));
}

// One panel for each size that grows, in a common range of seconds, so that they can be compared.
struct Panel {
  std::string growing, title;
  std::vector<Curve> curves;
};

struct Range {
  double low = INFINITY, high = 0;  // powers of ten around all seconds
  double decades() const { return std::log10(high / low); }
};

constexpr int height = 800;
constexpr double panel_height = 0.36 * height, label_height = 17;  // pixels, about

// The slopes at the curves' ends, moved apart where they would cover one another.
std::string slopes(const std::vector<Curve>& curves, const Range& range) {
  std::vector<const Curve*> upwards;
  for (const Curve& curve : curves) upwards.push_back(&curve);
  std::sort(upwards.begin(), upwards.end(), [](const Curve* a, const Curve* b) { return a->points.back().second < b->points.back().second; });
  const double step = std::pow(10, range.decades() * label_height / panel_height);
  std::string result;
  double least = range.low;
  for (const Curve* curve : upwards) {
    const auto& [x, y] = curve->points.back();
    const double at = std::max(y, least);
    result += fmt::format("set label '{}' at {}, {:.6g} left offset 0.6,0 textcolor rgb '{}'\n", slope(*curve), x, at, curve->colour);
    least = at * step;
  }
  return result;
}

std::string script(const Panel& panel, const Range& range, bool left, bool with_key) {
  std::string data, plots, tics;
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const Curve& curve = panel.curves[i];
    data += fmt::format("${}{} << EOD\n", panel.growing, i);
    for (const auto& [x, y] : curve.points) data += fmt::format("{} {:.6g}\n", x, y);
    data += "EOD\n";
    plots += fmt::format("{} ${}{} with linespoints linecolor rgb '{}' linewidth {} pointtype 7 pointsize 0.4 title '{}'", i ? "," : "plot",
                         panel.growing, i, curve.colour, i == 0 ? 3 : 2, curve.name);
  }
  const Curve& whole = panel.curves[0];
  for (const auto& [x, y] : whole.points) tics += fmt::format("{}{}", tics.empty() ? "" : ", ", x);
  const double first = whole.points.front().first, last = whole.points.back().first;
  return data + fmt::format("unset label\n{}set ylabel '{}' offset 1\nset xlabel '{}'\nset xtics ({})\nset xrange [{}:{}]\n{}\n{}\n", slopes(panel.curves, range),
                            left ? "CPU seconds, one thread" : "", panel.title, tics, first / 1.1, last * std::pow(last / first, 0.16),
                            with_key ? "set key at screen 0.985,0.995 top right vertical maxrows 2 width -4 Left reverse samplen 1.5" : "unset key", plots);
}

}  // namespace

Picture cost_plot(const Runs& runs) {
  std::vector<Panel> panels = {{"tokens", "tokens", {}}, {"width", "width", {}}, {"layers", "layers", {}}, {"bits", "bits of precision", {}}};
  Range range;
  for (Panel& panel : panels) {
    panel.curves = curves(runs, panel.growing);
    if (panel.curves[0].points.size() < 2) return {"", fmt::format("fewer than two runs of cost/{}: there is no curve", panel.growing)};
    for (const Curve& curve : panel.curves)
      for (const auto& [x, y] : curve.points) {
        range.low = std::min(range.low, std::pow(10, std::floor(std::log10(y))));
        range.high = std::max(range.high, std::pow(10, std::ceil(std::log10(y))));
      }
  }
  std::string text = fmt::format(
      "set multiplot layout 2,2 margins 0.07,0.985,0.075,0.92 spacing 0.05,0.1\n"
      "set logscale xy\nset format y '10^{{%T}}'\nset yrange [{}:{}]\nset grid linecolor rgb '#dddddd'\n",
      range.low, range.high);
  for (std::size_t i = 0; i < panels.size(); ++i) text += script(panels[i], range, i % 2 == 0, i + 1 == panels.size());
  return gnuplot("cost", text + "unset multiplot\n", 1000, height);
}

}  // namespace snellen
