// The pictures of a sweep's report, drawn from rounded logarithms: to look at, not to read numbers from.
#pragma once

#include <string>
#include <vector>

#include "reports/gnuplot.hpp"
#include "reports/sweep_view.hpp"

namespace snellen {

// For one facet a heat map a format: the collapse length over the axes x and y, in words and colours that all pictures of a question share.
struct HeatScale {
  double low = 0, high = 1;  // log10
};
HeatScale heat_scale(const SweepResults& results, const SweepView& view, const SweepQuestion& question);
Picture sweep_heat_map(const std::string& name, const SweepResults& results, const SweepView& view, const SweepQuestion& question, const Facet& facet,
                       const HeatScale& scale, const std::string& program = "gnuplot");

// Small multiples: a panel for each facet (down) and up to three values of y (across), in each a curve a format over x, with the spread of the seeds.
Picture sweep_small_multiples(const std::string& name, const SweepResults& results, const SweepView& view, const SweepQuestion& question,
                              const std::vector<Facet>& facets, const HeatScale& scale, const std::string& program = "gnuplot");

}  // namespace snellen
