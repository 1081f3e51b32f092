// The arithmetic of one format: operands are values of the format, results are rounded to it. Doubles carry it: for precisions p <= 25 a double has the
// 2p + 2 bits with which rounding sums, products, quotients and roots twice gives the same as once (Figueroa 1995); fp64 is the hardware's own.
#pragma once

#include <cmath>

#include "lib/number/real_rounder.hpp"

namespace snellen {

class FormatArithmetic {
 public:
  // std::invalid_argument unless the format is fp64, or has precision <= 25 and exponents within +-450 (no intermediate double is subnormal then).
  explicit FormatArithmetic(const Format& format);

  double operator()(double x) const { return rounder_(x); }
  double add(double x, double y) const { return rounder_(x + y); }
  double subtract(double x, double y) const { return rounder_(x - y); }
  double multiply(double x, double y) const { return rounder_(x * y); }
  double divide(double x, double y) const { return rounder_(x / y); }
  const FunctionRounder& function() const { return function_; }
  const DoubleRounder& rounder() const { return rounder_; }
  const Format& format() const { return format_; }
  // What rounding the double x to the format is.
  RoundStatus status(double x) const;
  // Whether status(x) may differ from `finite`: cheap, never wrongly false.
  bool suspicious(double x) const { return !(std::fabs(x) < rounder_.largest()); }

 private:
  Format format_;
  DoubleRounder rounder_;
  FunctionRounder function_;
};

}  // namespace snellen
