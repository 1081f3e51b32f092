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

std::string_view name_of(Scope scope) { return scope == Scope::all ? "all" : "horizon"; }

std::string_view name_of(Status status) {
  switch (status) {
    case Status::exact: return "exact";
    case Status::bracket: return "bracket";
    case Status::never: return "never";
    default: return "unknown";
  }
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::collapsed: return "collapsed";
    case Verdict::distinct: return "distinct";
    case Verdict::overflow: return "overflow";
    default: return "undecided";
  }
}

char letter_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::collapsed: return 'C';
    case Verdict::distinct: return 'D';
    case Verdict::overflow: return 'O';
    default: return 'U';
  }
}

std::string run_length(const std::vector<Verdict>& verdicts) {
  std::string result;
  for (std::size_t begin = 0, end = 0; begin < verdicts.size(); begin = end) {
    while (end < verdicts.size() && verdicts[end] == verdicts[begin]) ++end;
    if (!result.empty()) result += ' ';
    result += letter_of(verdicts[begin]) + std::to_string(end - begin);
  }
  return result;
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
