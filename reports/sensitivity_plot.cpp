#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reports/numbers.hpp"
#include "reports/plot_parts.hpp"
#include "reports/sensitivity_report.hpp"

namespace snellen {
namespace {

constexpr int kHeight = 470;
constexpr std::string_view kAxes = "set border 3 linecolor '#555555'\nset tics nomirror out scale 0.6\n";
constexpr std::string_view kOwn = "#0072B2", kFrozen = "#D55E00", kPaper = "#009E73";

// NaN, which gnuplot leaves out, for what no logarithmic axis shows.
std::string logarithm(const Dyadic& x) {
  const double value = approximate_log10(x);
  return std::isfinite(value) ? fmt::format("{:.6g}", value) : "NaN";
}

std::string y_label(const Sensitivity& s) { return s.of == Output::vector ? "2-norm of J_{n,i}" : "2-norm of the gradient"; }

// Decades as powers of ten on an axis of logarithms: gnuplot's own labels.
std::string power_tics(const std::string& axis) { return fmt::format("set format {} '10^{{%.0f}}'\n", axis); }

Picture token_plot(const Sensitivity& s, const std::string& program) {
  std::string block = "$norms << EOD\n";
  double low = INFINITY, high = -INFINITY;
  const auto meet = [&](const Dyadic& x) {
    const double value = approximate_log10(x);
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  };
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const TokenSensitivity& t = s.tokens[i];
    block += fmt::format("{} {} {} {} {} {}\n", i + 1, logarithm(t.norms.two.lower), logarithm(t.norms.two.upper), logarithm(t.own), logarithm(t.frozen),
                         t.paper ? logarithm(*t.paper) : std::string("NaN"));
    for (const Dyadic* x : {&t.norms.two.lower, &t.norms.two.upper, &t.own, &t.frozen}) meet(*x);
    if (t.paper) meet(*t.paper);
  }
  block += "EOD\n";
  if (!(low <= high)) low = -1, high = 1;
  const double room = std::max(0.3, 0.06 * (high - low));
  std::string script = block + std::string(kAxes) + power_tics("y") +
                       fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\nset xlabel 'token i, counted from 1'\nset ylabel '{}'\n", 0.5, static_cast<double>(s.tokens.size()) + 0.5,
                                   low - room, high + room, y_label(s)) +
                       (high - low > 1 ? "set ytics 1\n" : "set format y '10^{%.2g}'\n") + "set key tmargin left horizontal Left reverse samplen 1.6\n";
  const std::string points = s.tokens.size() <= 160 ? "linespoints" : "lines";
  script += fmt::format("plot $norms using 1:4 with lines linecolor '{}' linewidth 1.6 title 'our bound, proved', "
                        "$norms using 1:5 with lines linecolor '{}' linewidth 1.6 dashtype 2 title 'attention frozen: no bound', ",
                        kOwn, kFrozen);
  if (s.not_the_papers.empty()) script += fmt::format("$norms using 1:6 with lines linecolor '{}' linewidth 1.6 dashtype 4 title 'Theorem 5.1, literally', ", kPaper);
  script += fmt::format("$norms using 1:3 with {} linecolor '#111111' linewidth 2.4 pointtype 7 pointsize 0.35 title 'certified (band thinner than the line)'", points);
  return gnuplot("by_token", script + "\n", kPictureWidth, kHeight, program);
}

Picture heat_plot(const Sensitivity& s, const std::string& program) {
  std::string block = "$cells << EOD\n";
  double low = INFINITY, high = -INFINITY;
  std::size_t before = 0;
  std::size_t cells = 0;
  for (const SensitivityRow& row : s.rows) {
    // A row stands for the rows since the one before it, so that there is no gap.
    const double bottom = static_cast<double>(before) + 0.5, top = static_cast<double>(row.position) + 1.5;
    before = row.position + 1;
    const std::size_t step = std::max<std::size_t>(1, row.two.size() / 400);  // no more than pixels
    for (std::size_t i = 0; i < row.two.size(); i += step) {
      double value = -INFINITY;
      for (std::size_t j = i; j < std::min(i + step, row.two.size()); ++j) value = std::max(value, approximate_log10(row.two[j].upper));
      if (!std::isfinite(value)) continue;
      low = std::min(low, value), high = std::max(high, value), ++cells;
      const double left = static_cast<double>(i) + 0.5, right = static_cast<double>(std::min(i + step, row.two.size())) + 0.5;
      block += fmt::format("{} {} {} {} {} {} {:.5g}\n", (left + right) / 2, (bottom + top) / 2, left, right, bottom, top, value);
    }
  }
  block += "EOD\n";
  if (cells == 0) return {"", "every norm is zero or unknown"};
  if (high - low < 0.1) low -= 0.05, high += 0.05;
  const double size = static_cast<double>(s.tokens.size()) + 0.5;
  const std::string script = block + std::string(kAxes) + "unset key\n" +
                             fmt::format("set xrange [0.5:{0}]\nset yrange [0.5:{0}]\nset xlabel 'token i'\nset ylabel 'token n that is read'\n", size) +
                             fmt::format("set cbrange [{}:{}]\nset format cb '10^{{%.1f}}'\nset cblabel '{}'\n", low, high, y_label(s)) +
                             "set palette defined (0 '#fff7e6', 0.3 '#f2c078', 0.6 '#c1666b', 1 '#2d1e4f')\n"
                             "plot $cells using 1:2:3:4:5:6:7 with boxxyerror fillcolor palette fillstyle solid noborder\n";
  return gnuplot("heat", script, kPictureWidth, kHeight, program);
}

// The derivative with respect to some tokens, as the sequence grows.
Picture growth_plot(const Sensitivity& s, const std::string& program) {
  const std::size_t n = s.tokens.size();
  std::vector<std::size_t> followed = {0, n / 8, n / 4, n / 2};
  followed.erase(std::unique(followed.begin(), followed.end()), followed.end());
  std::string block, plots;
  for (std::size_t f = 0; f <= followed.size(); ++f) {
    const bool own = f == followed.size();  // the token that is read itself
    const std::string name = fmt::format("$token{}", f);
    std::string lines;
    for (const SensitivityRow& row : s.rows) {
      if (!own && followed[f] > row.position) continue;
      const Enclosure& norm = row.two[own ? row.position : followed[f]];
      lines += fmt::format("{} {} {}\n", row.position + 1, logarithm(norm.lower), logarithm(norm.upper));
    }
    block += name + " << EOD\n" + lines + "EOD\n";
    plots += fmt::format("{}{} using 1:3 with linespoints linecolor '{}' linewidth 1.8 pointtype 7 pointsize 0.5 title '{}'", f == 0 ? "" : ", ", name,
                         own ? std::string("#111111") : std::string(run_colour(f)), own ? std::string("token n itself") : fmt::format("token {}", followed[f] + 1));
  }
  const std::string script = block + std::string(kAxes) + "set format y '10^{%.1f}'\n" +
                             fmt::format("set xrange [0.5:{}]\nset xlabel 'tokens read, n'\nset ylabel '{}'\n", static_cast<double>(n) + 0.5, y_label(s)) +
                             "set key outside right top vertical Left reverse samplen 1.6\nplot " + plots + "\n";
  return gnuplot("growth", script, kPictureWidth, kHeight - 100, program);
}

Picture layer_plot(const Sensitivity& s, const std::string& program) {
  std::string block = "$layers << EOD\n";
  const auto middle = [](const Enclosure& x) { return x.is_finite() ? fmt::format("{:.8g}", (x.lower.to_double(MPFR_RNDN) + x.upper.to_double(MPFR_RNDN)) / 2) : std::string("NaN"); };
  for (std::size_t l = 0; l < s.by_layer.size(); ++l) {
    const LayerFacts& layer = s.by_layer[l];
    block += fmt::format("{} {} {} {} {}\n", l + 1, middle(layer.attention.mean.sink), middle(layer.attention.mean.entropy), middle(layer.attention.mean.spread), middle(layer.rank));
  }
  block += "EOD\n";
  std::string script = block + std::string(kAxes) + fmt::format("unset key\nset xrange [0.5:{}]\nset xtics {}\nset multiplot layout 2,2\n", static_cast<double>(s.by_layer.size()) + 0.5,
                                                               std::max<std::size_t>(1, s.by_layer.size() / 8));
  const std::pair<const char*, const char*> panels[] = {
      {"weight on the first token", "0"}, {"entropy of attention, nats", "0"}, {"spread of the scores", "0"}, {"effective rank of the layer''s input", "0"}};
  for (std::size_t p = 0; p < 4; ++p) {
    script += fmt::format("set title '{}'\nset yrange [{}:*]\n", panels[p].first, panels[p].second);
    if (p >= 2) script += "set xlabel 'layer'\n";
    script += fmt::format("plot $layers using 1:{} with linespoints linecolor '{}' linewidth 1.8 pointtype 7 pointsize 0.5\n", p + 2, run_colour(p == 0 ? 1 : 0));
  }
  return gnuplot("by_layer", script + "unset multiplot\n", kPictureWidth, kHeight + 30, program);
}

}  // namespace

SensitivityPictures draw(const Sensitivity& s, const std::string& program) {
  return {token_plot(s, program), heat_plot(s, program), growth_plot(s, program), layer_plot(s, program)};
}

}  // namespace snellen
