// Pictures of a validation: to look at, not to read numbers from.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/plot_parts.hpp"
#include "reports/validation_report.hpp"

namespace snellen {
namespace {

constexpr int kHeight = 330;

const char* kAxes = "set border 3 linecolor '#555555'\nset tics nomirror out scale 0.6\nset key tmargin left horizontal Left reverse samplen 1.6\n";

// log10 of the largest of an error over tokens; none for zero (upper bounds of zero are 2^-240) or infinite.
std::optional<double> level(const std::vector<CertifiedError>& errors, bool upper) {
  double largest = 0;
  for (const CertifiedError& e : errors) largest = std::max(largest, upper ? e.upper : e.lower);
  return largest > 1e-60 && std::isfinite(largest) ? std::optional(std::log10(largest)) : std::nullopt;
}

}  // namespace

Picture growth_plot(const ValidationReport& report) {
  if (!report.growth) return {"", "the exact result was not asked for"};
  std::string blocks, plots;
  for (std::size_t d = 0; d < report.growth->dumps.size(); ++d) {
    std::string data;
    std::size_t index = 0;
    for (const StateError& s : report.growth->dumps[d]) {
      const auto low = level(s.euclidean, false), high = level(s.euclidean, true);
      if (high) data += fmt::format("{} {:.4f} {:.4f}\n", index, low ? *low : *high - 3, *high);
      ++index;
    }
    if (data.empty()) continue;
    blocks += fmt::format("$growth{} << EOD\n{}EOD\n", d, data);
    plots += fmt::format(", $growth{0} using 1:2:3 with filledcurves fillcolor '{1}' fillstyle transparent solid 0.3 notitle, $growth{0} using 1:3 with linespoints pointtype 7 pointsize 0.4 linecolor '{1}' "
                         "linewidth 1.6 title {2}",
                         d, run_colour(d), gnuplot_string(report.validations[d].dump + " (" + report.validations[d].profile + ")"));
  }
  if (plots.empty()) return {"", "no state was dumped, or every error is zero"};
  const std::size_t points = report.growth->dumps.empty() ? 1 : report.growth->dumps.front().size();
  const std::string script = std::string(kAxes) + fmt::format("set xtics {}\nset xlabel 'layers done (the last point: after the final norm)'\nset ylabel 'error / length of the vector'\nset format y '10^{{%g}}'\nset lmargin at screen 0.12\n", std::max<std::size_t>(1, points / 8));
  return gnuplot("growth", script + blocks + "plot " + plots.substr(2) + '\n', kPictureWidth, kHeight, "gnuplot");
}

Picture heat_map(const ValidationReport& report, std::size_t dump) {
  const Validation& v = report.validations[dump];
  std::size_t layers = 0;
  for (const OperationVerdict& o : v.operations)
    if (o.operation.layer) layers = std::max(layers, *o.operation.layer + 1);
  if (layers == 0) return {"", "no layer's operations were dumped"};
  std::vector<Judgement> worst((layers + 1) * v.tokens, Judgement::pass);  // the last row: final norm and logits
  for (const OperationVerdict& o : v.operations) {
    const std::size_t row = o.operation.layer.value_or(o.operation.name == "hidden.0" ? 0 : layers);
    for (std::size_t t = 0; t < v.tokens; ++t) worst[row * v.tokens + t] = std::max(worst[row * v.tokens + t], o.tokens[t]);
  }
  std::vector<double> ulps((layers + 1) * v.tokens, 0);
  if (report.growth) {
    for (const StateError& s : report.growth->dumps[dump]) {
      const std::size_t row = s.state == "final" ? layers : std::stoul(s.state.substr(7)) - (s.state == "hidden.0" ? 0 : 1);
      for (std::size_t t = 0; t < v.tokens; ++t) ulps[row * v.tokens + t] = std::max(ulps[row * v.tokens + t], s.ulps[t]);
    }
  }
  std::string cells, failed, open;
  for (std::size_t row = 0; row <= layers; ++row) {
    for (std::size_t t = 0; t < v.tokens; ++t) {
      const double error = ulps[row * v.tokens + t];
      const Judgement judgement = worst[row * v.tokens + t];
      cells += fmt::format("{} {} {:.3f}\n", t, row, error > 0 && std::isfinite(error) ? std::log2(error) : -1.0);
      if (judgement != Judgement::pass) (judgement == Judgement::fail ? failed : open) += fmt::format("{0} {1} {2} {3} {4} {5}\n", t, row, t - 0.5, t + 0.5, row - 0.5, row + 0.5);
    }
    cells += "\n";
  }
  std::string script = std::string(kAxes) + fmt::format("set xrange [-0.5:{}]\nset yrange [{}:-0.5]\nset xlabel 'token'\nset ylabel 'layer'\n", v.tokens - 0.5, layers + 0.5);
  script += "set palette defined (0 '#f7fbff', 0.5 '#6baed6', 1 '#08306b')\nset lmargin at screen 0.09\nset rmargin at screen 0.86\n";
  const auto step = [](std::size_t count) { return std::max<std::size_t>(1, count / 8); };
  script += fmt::format("set xtics {}\nset ytics {}\n", step(v.tokens), step(layers));
  script += report.growth ? "set cblabel 'certified error, log_2 of ulps'\n" : "unset colorbox\n";
  script += fmt::format("set ytics add ('final' {})\n$cells << EOD\n{}EOD\n", layers, cells);
  std::string plots = "plot $cells using 1:2:3 with image pixels notitle";
  if (!open.empty()) script += fmt::format("$open << EOD\n{}EOD\n", open), plots += ", $open with boxxyerror fillcolor '#E69F00' fillstyle solid 1 noborder title 'inconclusive'";
  if (!failed.empty()) script += fmt::format("$failed << EOD\n{}EOD\n", failed), plots += ", $failed with boxxyerror fillcolor '#B22222' fillstyle solid 1 noborder title 'fail: no rounding explains it'";
  return gnuplot(fmt::format("heat{}", dump), script + plots + '\n', kPictureWidth, 120 + static_cast<int>(std::min<std::size_t>(layers + 1, 60)) * 12 + 80, "gnuplot");
}

Picture ulp_histogram(const ValidationReport& report, std::size_t dump) {
  if (!report.growth || report.growth->dumps[dump].empty()) return {"", "the exact result was not asked for, or no state was dumped"};
  const std::vector<StateError>& states = report.growth->dumps[dump];
  std::vector<std::size_t> chosen = {0, states.size() / 4, states.size() / 2, states.size() * 3 / 4, states.size() - 1};
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  std::string blocks, plots, tics;
  std::size_t last = 1;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const StateError& s = states[chosen[i]];
    std::size_t total = 0;
    for (const std::size_t count : s.histogram) total += count;
    std::string data;
    for (std::size_t b = 0; b < s.histogram.size(); ++b) {
      data += fmt::format("{} {:.5f}\n", b, total > 0 ? static_cast<double>(s.histogram[b]) / static_cast<double>(total) : 0.0);
      if (s.histogram[b] > 0) last = std::max(last, b);
    }
    blocks += fmt::format("$h{} << EOD\n{}EOD\n", i, data);
    plots += fmt::format(", $h{} using 1:2 with linespoints pointtype 7 pointsize 0.4 linewidth 1.6 linecolor '{}' title '{}'", i, run_colour(i), s.state);
  }
  for (std::size_t b = 0; b <= last; ++b) tics += fmt::format("{}'{}' {}", b > 0 ? ", " : "", b == 0 ? "1/2" : std::to_string(1ul << (b - 1)), b);
  const std::string script = std::string(kAxes) + fmt::format("set xrange [-0.3:{}]\nset xtics ({})\nset xlabel 'certified error of an entry, up to ... ulps'\nset ylabel 'share of entries'\nset lmargin at screen 0.09\n", static_cast<double>(last) + 0.3, tics);
  return gnuplot(fmt::format("ulps{}", dump), script + blocks + "plot " + plots.substr(2) + '\n', kPictureWidth, kHeight, "gnuplot");
}

}  // namespace snellen
