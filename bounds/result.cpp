#include "bounds/result.hpp"

#include <algorithm>

namespace snellen {

std::string_view name_of(Metric metric) {
  switch (metric) {
    case Metric::l1: return "l1";
    case Metric::l2: return "l2";
    default: return "linf";
  }
}

std::string_view name_of(Criterion criterion) {
  switch (criterion) {
    case Criterion::bitwise: return "bitwise";
    case Criterion::tolerance: return "tolerance";
    default: return "argmax";
  }
}

bool Certification::undecided() const {
  return std::any_of(rows.begin(), rows.end(), [](const CollapseRow& row) { return row.undecided > 0; });
}

}  // namespace snellen
