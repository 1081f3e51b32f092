#include "bounds/result.hpp"

#include <algorithm>

#include "lib/number/length.hpp"

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

std::optional<std::string> last_distinct(const CollapseRow& row) {
  if (row.inevitable.scope == Scope::all) {
    const Length lower(row.inevitable.lower);
    return lower > 1 ? std::optional(Length(lower - 1).str()) : std::nullopt;
  }
  return row.last_distinct ? std::optional(std::to_string(*row.last_distinct)) : std::nullopt;
}

bool Certification::undecided() const {
  return std::any_of(rows.begin(), rows.end(), [](const CollapseRow& row) { return row.undecided > 0; });
}

}  // namespace snellen
