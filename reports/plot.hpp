// The pictures of the HTML report. Drawn from rounded logarithms: to look at, not to read numbers from.
#pragma once

#include <string>
#include <vector>

#include "bounds/result.hpp"
#include "reports/gnuplot.hpp"

namespace snellen {

// D(n) in one metric (its index in c.metrics) with its certified band, a line for each format's threshold with the certified
// length where D(n) has fallen below it for good, and the engine runs' own distances. Runs whose two vectors are identical
// (distance 0, which no logarithmic axis shows) appear on a strip below, marked 0.
Picture distance_plot(const Certification& c, std::size_t metric, const std::string& program = "gnuplot");

// Which n are collapsed, distinct, undecided or overflow: one row a format and criterion, one row an engine run.
// Where a pixel stands for several n, the cell is divided in proportion.
Picture verdict_plot(const Certification& c, const std::string& program = "gnuplot");

// From which length on each format and criterion is proved to see no difference, on one logarithmic axis far beyond the horizon: a dot is N*, an interval
// a bracket, an arrow a row that is still distinct where its knowledge ends; `never` and overflow stand in words.
Picture collapse_plot(const Certification& c, const std::string& program = "gnuplot");

struct Pictures {
  std::vector<Picture> distances;  // one a metric
  Picture verdicts;
  Picture collapse = {};           // where a proof for all n was asked for
};
Pictures draw(const Certification& c, const std::string& program = "gnuplot");

}  // namespace snellen
