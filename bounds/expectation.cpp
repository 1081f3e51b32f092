#include "bounds/expectation.hpp"

#include <algorithm>

namespace snellen {
namespace {

Standing judge_collapse(const CollapseRow& row) {
  const Inevitable& known = row.inevitable;
  if (known.status == Status::never) return Standing::fails;
  if (known.scope == Scope::all && known.upper) return Standing::holds;
  if (row.collapsed_from) return Standing::to_horizon;
  return !row.verdicts.empty() && row.verdicts.back() == Verdict::distinct ? Standing::not_yet : Standing::open;
}

Standing judge_apart(const CollapseRow& row) {
  if (row.first) return Standing::fails;
  if (row.inevitable.scope == Scope::all && row.inevitable.upper) return Standing::fails;
  const bool all_distinct = std::all_of(row.verdicts.begin(), row.verdicts.end(), [](Verdict verdict) { return verdict == Verdict::distinct; });
  return all_distinct && !row.verdicts.empty() ? Standing::to_horizon : Standing::open;
}

}  // namespace

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::holds: return "holds";
    case Standing::to_horizon: return "to the horizon";
    case Standing::fails: return "fails";
    case Standing::not_yet: return "not yet";
    case Standing::open: break;
  }
  return "open";
}

Standing judge(Outcome outcome, const CollapseRow& row) { return outcome == Outcome::collapses ? judge_collapse(row) : judge_apart(row); }

const CollapseRow* find_row(const Certification& c, const Expectation& expectation) {
  for (const CollapseRow& row : c.rows) {
    const std::optional<std::string> format = row.format ? std::optional(row.format->name) : std::nullopt;
    if (row.criterion == expectation.criterion && format == expectation.format && row.metric == expectation.metric) return &row;
  }
  return nullptr;
}

}  // namespace snellen
