// D(n) of several cases in one picture. Drawn from rounded logarithms: to look at, not to read numbers from.
#pragma once

#include <string>
#include <vector>

#include "bounds/result.hpp"
#include "reports/gnuplot.hpp"

namespace snellen {

struct NamedThreshold {
  std::string name;
  Dyadic eps;
};

struct Compared {
  std::string label;
  const Certification* result;
  std::size_t metric;  // its index in result->metrics
};

// The certified distances of all cases (at least one; beyond six the colours come again) in the metric of the first, each with its band where that can be
// seen, and the lines at the thresholds that are named ("bf16", 2^-7). `name`: of the picture, see gnuplot().
Picture comparison_plot(const std::string& name, const std::vector<Compared>& cases, const std::vector<NamedThreshold>& thresholds,
                        const std::string& program = "gnuplot");

}  // namespace snellen
