#include "bounds/collapse.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/length.hpp"

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
  row.collapsed_from.reset();
  if (collapsed_from == end) return;
  row.collapsed_from = collapsed_from;
  row.inevitable.upper = std::to_string(collapsed_from);
  row.inevitable.status = collapsed_from == lower ? Status::exact : Status::bracket;
}

void join(CollapseRow& row, std::int64_t from, const InevitableRow& all) {
  row.basis = {all.theorem, all.numbers, all.undecided, all.overflow_from, all.open};
  const Length seen = row.last_distinct ? Length(*row.last_distinct) + 1 : Length(1), proved(all.answer.lower);
  const Length lower = std::max(std::max(seen, proved), Length(1));
  if (all.answer.status == Status::never) {
    row.inevitable = {lower.str(), std::nullopt, Scope::all, Status::never};
    return;
  }
  if (!all.answer.upper) {
    if (!all.overflow_from) row.basis.theorem.clear();
    if (proved > from + static_cast<std::int64_t>(row.verdicts.size())) row.inevitable = {lower.str(), std::nullopt, Scope::all, Status::unknown};
    return;
  }
  Length upper(*all.answer.upper);
  const auto collapsed_at = [&](const Length& n) {
    return n >= std::max<std::int64_t>(from, 1) && n < from + static_cast<std::int64_t>(row.verdicts.size()) &&
           row.verdicts[static_cast<std::size_t>(static_cast<std::int64_t>(n) - from)] == Verdict::collapsed;
  };
  while (collapsed_at(upper - 1)) --upper;
  if (lower > upper) throw std::logic_error("a proof for all n contradicts a pair that was evaluated");
  row.inevitable = {lower.str(), upper.str(), Scope::all, lower == upper ? Status::exact : Status::bracket};
  if (lower == upper) row.basis.undecided = 0, row.basis.open.clear();
  if (lower > proved || upper < Length(*all.answer.upper))
    row.basis.numbers["evaluated one by one to"] = std::to_string(from + static_cast<std::int64_t>(row.verdicts.size()) - 1);
}

}  // namespace snellen
