// What the pictures share: the axis of lengths n (so that they line up when stacked), colours, and names set in gnuplot's
// enhanced text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "bounds/result.hpp"

namespace snellen {

// Okabe and Ito's palette without black (the exact model) and yellow (too pale on white): told apart with any colour vision.
inline constexpr std::array<std::string_view, 6> kRunColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"};
inline std::string_view run_colour(std::size_t run) { return kRunColours[run % kRunColours.size()]; }

inline constexpr double kThinBand = 0.01;  // decades: less than a line is thick
inline constexpr int kPictureWidth = 940;
inline constexpr double kLeftEdge = 0.185, kRightEdge = 0.855;  // of the plotted area, as shares of the width

// What stands to the right of the plotted area at height y, a gnuplot string; smaller where it is long, since there is no more room.
std::string label_beyond(const std::string& text, double y, std::string_view colour);

// Without quotes, for a place inside a gnuplot string: L_1, and 2^-7 with an exponent.
std::string enhanced(Metric metric);
std::string enhanced(const Dyadic& eps);

// Logarithmic where the range is large, else linear.
class LengthAxis {
 public:
  LengthAxis(std::int64_t from, std::int64_t to);
  std::string script() const;  // range, scale, tics, margins
  bool shows(std::int64_t n) const { return !logarithmic_ || n > 0; }
  double share(std::int64_t n) const;  // of the axis, 0 at its left end
  // Lengths of one bucket fall on the same pixel, more or less.
  std::int64_t bucket(std::int64_t n) const;
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  bool logarithmic_;
  double low_, high_;
};

}  // namespace snellen
