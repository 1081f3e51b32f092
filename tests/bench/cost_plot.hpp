// The picture of what a certified forward pass costs.
#pragma once

#include "reports/gnuplot.hpp"
#include "tests/bench/tables.hpp"

namespace snellen {

// CPU time against tokens, width, layers and bits (the runs of the family "cost"), both axes logarithmic: the whole pass, its kinds of
// operations and an emulated engine, each labelled with its slope at the end.
Picture cost_plot(const Runs& runs);

}  // namespace snellen
