#include "tests/bench/cost_plot.hpp"

#include <fmt/format.h>

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

}  // namespace

Picture cost_plot(const Runs& runs) {
  std::string data, panels;
  for (const auto& [growing, title] : {std::pair{"tokens", "tokens"}, {"width", "width"}, {"layers", "layers"}, {"bits", "bits of precision"}}) {
    const std::vector<Curve> all = curves(runs, growing);
    if (all[0].points.size() < 2) return {"", fmt::format("fewer than two runs of cost/{}: there is no curve", growing)};
    std::string plots, labels;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Curve& curve = all[i];
      data += fmt::format("${}{} << EOD\n", growing, i);
      for (const auto& [x, y] : curve.points) data += fmt::format("{} {:.6g}\n", x, y);
      data += "EOD\n";
      plots += fmt::format("{} ${}{} with linespoints linecolor rgb '{}' linewidth {} pointtype 7 pointsize 0.4 title '{}'", i ? "," : "plot", growing, i,
                           curve.colour, i == 0 ? 3 : 2, curve.name);
      labels += fmt::format("set label '{}' at {}, {:.6g} left offset 0.6,0 textcolor rgb '{}'\n", slope(curve), curve.points.back().first,
                            curve.points.back().second, curve.colour);
    }
    const double first = all[0].points.front().first, last = all[0].points.back().first;
    std::string tics;
    for (const auto& [x, y] : all[0].points) tics += fmt::format("{}{}", tics.empty() ? "" : ", ", x);
    panels += fmt::format("unset label\n{}set xlabel '{}'\nset xtics ({})\nset xrange [{}:{}]\n{}\nunset key\n", labels, title, tics, first / 1.1,
                          last * std::pow(last / first, 0.16), plots);
  }
  // One key for all, above them.
  return gnuplot("cost",
                 data +
                     "set multiplot layout 2,2 margins 0.075,0.985,0.075,0.9 spacing 0.07,0.115\n"
                     "set logscale xy\nset format y '10^{%T}'\nset grid linecolor rgb '#dddddd'\nset ylabel 'CPU seconds, one thread' offset 1\n"
                     "set key at screen 0.53,0.985 center top horizontal maxrows 1 samplen 2 width -2\n" +
                     panels + "unset multiplot\n",
                 1000, 800);
}

}  // namespace snellen
