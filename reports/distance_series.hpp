// What pictures of distances share: the series that are drawn, and the vertical axis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bounds/result.hpp"
#include "reports/plot_parts.hpp"

namespace snellen {

inline constexpr int kDistanceHeight = 450;  // of the picture, in pixels

// log10 of an enclosure's ends: -inf for zero, NaN for what is not finite.
struct Bar {
  std::int64_t n;
  double low, high;
};

using Series = std::vector<Bar>;

Series bars_of(const std::vector<PairDistances>& pairs, std::size_t metric, const LengthAxis& axis);

// At most a handful of bars for each pixel, extremes kept, so that the picture is the same as with all of them.
Series thinned(const Series& bars, const LengthAxis& axis);

bool has_zero(const Series& bars);
bool has_positive(const Series& bars);
// The band is nowhere wider than the line that stands for it.
bool is_thin(const Series& bars);
// The upper end of log10 D(n), where there is one to draw.
std::optional<double> high_at(const Series& bars, std::int64_t n);

// The vertical axis: log10 D between bottom and top, and below it the strip of zeros, one lane for each series that has any.
struct Height {
  double bottom, top, lane;
  std::size_t lanes = 0;
  double lowest() const { return bottom - (lanes == 0 ? 0 : (static_cast<double>(lanes) + 1) * lane); }
  double lane_centre(std::size_t i) const { return bottom - (static_cast<double>(i) + 1) * lane; }
  double pixels(double count) const { return (top - lowest()) * count / (0.76 * kDistanceHeight); }
};


// That shows all series and the thresholds (log10 eps); `lanes` of them have zeros.
Height height_of(const std::vector<Series>& series, const std::vector<double>& thresholds, std::size_t lanes);
double clamped(double y, const Height& height);

// Parts of a gnuplot script. The axis:
std::string vertical_axis(const Height& height, Metric metric);
// Distances mostly fall, so the lower left is the natural place for the key; above the picture where a curve passes there.
std::string key_script(const std::vector<Series>& series, const Height& height, const LengthAxis& axis);
// Positive distances as a polyline, broken where they vanish or are not finite: n, low, high.
std::string line_block(const std::string& name, const Series& bars, const Height& height);
// The stretches of zeros as horizontal strokes: x, y, length.
std::string zero_block(const std::string& name, const Series& bars, double y, const LengthAxis& axis);

}  // namespace snellen
