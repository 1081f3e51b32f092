#include "bounds/collapse.hpp"

#include <algorithm>

namespace snellen {

RoundedHull::RoundedHull(const Format& format, const CertifiedVector& vector) {
  ranges_.reserve(vector.size());
  for (const Enclosure& entry : vector) {
    Rounded lower = round(format, entry.lower), upper = round(format, entry.upper);
    const bool below = lower.status != RoundStatus::finite, above = upper.status != RoundStatus::finite;
    if (below || above) may_overflow_ = true;
    // Both ends beyond the format on the same side: so is everything between them.
    if (below && above && entry.is_finite() && mpfr_sgn(entry.lower.get()) == mpfr_sgn(entry.upper.get())) overflows_ = true;
    ranges_.push_back({std::move(lower.value), std::move(upper.value)});
  }
}

Verdict bitwise(const RoundedHull& a, const RoundedHull& b) {
  if (a.overflows_ || b.overflows_) return Verdict::overflow;
  if (a.may_overflow_ || b.may_overflow_) return Verdict::undecided;
  bool collapsed = true;
  for (std::size_t i = 0; i < a.ranges_.size(); ++i) {
    const auto &x = a.ranges_[i], &y = b.ranges_[i];
    if (x.upper < y.lower || y.upper < x.lower) return Verdict::distinct;
    collapsed = collapsed && x.lower == x.upper && y.lower == y.upper && x.lower == y.lower;
  }
  return collapsed ? Verdict::collapsed : Verdict::undecided;
}

Verdict tolerance(const Enclosure& distance, const Dyadic& eps) {
  if (distance.upper <= eps) return Verdict::collapsed;
  if (eps < distance.lower) return Verdict::distinct;
  return Verdict::undecided;
}

Verdict argmax(const std::optional<Token>& a, const std::optional<Token>& b) {
  if (!a || !b) return Verdict::undecided;
  return *a == *b ? Verdict::collapsed : Verdict::distinct;
}

void summarise(CollapseRow& row, std::int64_t from) {
  row.undecided = std::count(row.verdicts.begin(), row.verdicts.end(), Verdict::undecided);
  row.overflow = std::count(row.verdicts.begin(), row.verdicts.end(), Verdict::overflow);
  row.first.reset();
  row.last_distinct.reset();
  std::int64_t collapsed_from = from;  // one past the last n that is not proved to collapse
  for (std::size_t i = 0; i < row.verdicts.size(); ++i) {
    const auto n = from + static_cast<std::int64_t>(i);
    if (row.verdicts[i] == Verdict::collapsed && !row.first) row.first = n;
    if (row.verdicts[i] == Verdict::distinct) row.last_distinct = n;
    if (row.verdicts[i] != Verdict::collapsed) collapsed_from = n + 1;
  }
  const std::int64_t end = from + static_cast<std::int64_t>(row.verdicts.size());
  // Without a distinct pair nothing is known of the lengths below `from`.
  const std::int64_t lower = row.last_distinct ? *row.last_distinct + 1 : std::min<std::int64_t>(from, 1);
  row.inevitable = {std::to_string(lower), std::nullopt, Scope::horizon, Status::unknown};
  if (collapsed_from == end) return;
  row.inevitable.upper = std::to_string(collapsed_from);
  row.inevitable.status = collapsed_from == lower ? Status::exact : Status::bracket;
}

}  // namespace snellen
