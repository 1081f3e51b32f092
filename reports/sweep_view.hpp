// How a sweep is laid out for people: which axis lies where, and what one cell shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/sweep_results.hpp"

namespace snellen {

// What is asked of every point: a criterion and, of the tolerance criterion, a norm.
struct SweepQuestion {
  std::string criterion, norm;
};
// Those that the layout asks for; where it does not, bitwise and the tolerance in the first norm, as far as the points have them.
std::vector<SweepQuestion> questions_of(const SweepResults& results);

// The formats that a question has rows for, in the order of the reports; "" is the exact model.
std::vector<std::string> formats_of(const SweepResults& results, const SweepQuestion& question);

struct SweepView {
  std::size_t x = 0;               // axes, by index
  std::optional<std::size_t> y;
  std::vector<std::size_t> facets;  // the others, seeds aside
};
SweepView view_of(const SweepResults& results);

// Every combination of the facets' values, and its name: "position none, heads 4"; one without facets, with no name.
struct Facet {
  std::vector<std::size_t> at;  // in the order of SweepView::facets
  std::string name;
};
std::vector<Facet> facets_of(const SweepResults& results, const SweepView& view);

// Of all seeds of one combination the median: lengths that are not known count as longer than all that are.
struct SweepCell {
  enum class Kind {
    absent,   // no point is there, or none has the row
    length,   // from `log10` on collapse is proved
    open,     // beyond `log10` nothing is proved: the last pair proved distinct
    never,    // it never collapses for good: proved
    overflow,
    failed,
  };
  Kind kind = Kind::absent;
  double log10 = 0;           // to place it, never to decide anything
  double least = 0, most = 0;  // of the seeds with a length
  bool to_horizon = false;    // evaluated up to the horizon, and nothing said beyond
  std::string text;           // "2031", "8.3e11", ">1000", "never"
};
SweepCell cell_of(const SweepResults& results, const SweepView& view, const SweepQuestion& question, const std::string& format, const Facet& facet, std::size_t x,
                  std::size_t y);

}  // namespace snellen
