// Are two last-token vectors the same to a reader of limited precision? Three-valued answers: what is not proved is undecided.
#pragma once

#include <optional>
#include <vector>

#include "bounds/inevitable.hpp"
#include "bounds/result.hpp"
#include "lib/world/world.hpp"

namespace snellen {

// rd_F of every entry of an enclosed vector. Rounding to nearest is monotone, so rd_F(x) lies in [rd_F(lower), rd_F(upper)].
class RoundedHull {
 public:
  RoundedHull(const Format& format, const CertifiedVector& vector);

  // collapsed: rd_F(a) = rd_F(b) in every entry (as values: -0 = +0), since all four rounded ends agree.
  // distinct:  in some entry the rounded ranges are disjoint, and nothing overflows.
  // overflow:  some entry of a or b has no finite value in F.
  friend Verdict bitwise(const RoundedHull& a, const RoundedHull& b);

 private:
  struct Range {
    Dyadic lower, upper;
  };
  std::vector<Range> ranges_;
  bool overflows_ = false;      // certainly, in some entry
  bool may_overflow_ = false;
};
Verdict bitwise(const RoundedHull& a, const RoundedHull& b);

// collapsed: D <= eps proved; distinct: D > eps proved.
Verdict tolerance(const Enclosure& distance, const Dyadic& eps);

// The next token where it is certified (none: not proved). collapsed: the same; distinct: two different ones.
Verdict argmax(const std::optional<Token>& a, const std::optional<Token>& b);

// Sums up the verdicts at n = from, from + 1, ...: fills first, last_distinct, collapsed_from, undecided, overflow and inevitable (scope horizon).
void summarise(CollapseRow& row, std::int64_t from);

// Joins what is proved for all n >= 1 with the verdicts at n = from, from + 1, ... of a row that is summed up: the last distinct one raises `lower`,
// collapses just below `upper` lower it (each an era of one length in `inevitable_by_eras`). Where nothing is proved for all n the answer up to the horizon stays,
// unless a pair beyond the horizon is proved distinct.
void join(CollapseRow& row, std::int64_t from, const InevitableRow& all);

}  // namespace snellen
