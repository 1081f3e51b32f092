// Intervals through an engine's own roundings: the image of an operation is [rd(least), rd(largest)], since rounding to nearest is monotone
// (`rounding_monotone`). Nothing is widened by "an ulp to be safe": where both ends round alike the engine's result is known bit for bit.
//
// Ends are doubles. Where an engine's operands are values of a format with at most 25 bits, rd_F(RN_64(x op y)) = rd_F(x op y) (Figueroa 1995), and RN_64 is
// monotone: so the doubles' own operation on the ends, rounded, bounds every result of the engine, also where the ends are no values of F (proofs/validation.md,
// `image_of_an_operation`). fp64 is the doubles' own.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/world/format_arithmetic.hpp"

namespace snellen {

// lower <= x <= upper. Ends may be infinite: then the engine may overflow. A range that is not finite at both ends excludes no NaN.
struct Range {
  double lower = 0, upper = 0;
  static Range point(double x) { return {x, x}; }
  static Range everything() { return {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()}; }
  bool is_point() const { return lower == upper; }
  bool is_finite() const { return std::isfinite(lower) && std::isfinite(upper); }
  double magnitude() const { return std::max(std::fabs(lower), std::fabs(upper)); }
};

inline Range hull(const Range& a, const Range& b) { return {std::min(a.lower, b.lower), std::max(a.upper, b.upper)}; }
// Of two enclosures of the same number.
inline Range intersection(const Range& a, const Range& b) { return {std::max(a.lower, b.lower), std::min(a.upper, b.upper)}; }
inline Range negated(const Range& a) { return {-a.upper, -a.lower}; }
// NaN at an end comes from infinities: nothing is known.
inline Range checked(const Range& a) { return a.lower <= a.upper ? a : Range::everything(); }
inline double down(double x) { return std::nextafter(x, -std::numeric_limits<double>::infinity()); }
inline double up(double x) { return std::nextafter(x, std::numeric_limits<double>::infinity()); }

// Real functions of ranges, rounded outward. Increasing, except inverse_sqrt.
Range real_exp(const Range& x);
Range real_tanh(const Range& x);
Range real_erf(const Range& x);
Range real_inverse_sqrt(const Range& x);  // x > 0: everything otherwise

// The arithmetic of one format on ranges of its values.
class ImageArithmetic {
 public:
  // `flush`: results and operands below the smallest normal may become zero.
  ImageArithmetic(const Format& format, bool flush);

  const Format& format() const { return f_.format(); }
  const FormatArithmetic& points() const { return f_; }

  Range cast(const Range& x) const { return flushed(checked({f_(x.lower), f_(x.upper)})); }
  Range add(const Range& x, const Range& y) const;
  Range subtract(const Range& x, const Range& y) const { return add(x, negated(y)); }
  Range multiply(const Range& x, const Range& y) const;
  Range divide(const Range& x, const Range& y) const;  // everything where y may be zero
  Range square(const Range& x) const;
  // The product as an addition may read it: rounded, or exact where multiply-adds may be fused.
  Range factor(const Range& x, const Range& y, bool fused) const;
  // What an implementation may return whose error is at most `ulps` units in the last place of the exact result; `real` encloses that.
  Range within(const Range& real, double ulps) const;
  double ulp(double x) const;  // of values as large as x

 private:
  Range flushed(Range x) const;

  FormatArithmetic f_;
  bool flush_;
  double smallest_normal_;
};

}  // namespace snellen
