#include "bounds/inevitable_pairs.hpp"

#include <algorithm>

#include "bounds/distance.hpp"

namespace snellen {

Verdict judge(const InevitableQuestion& question, const CertifiedVector& first, const CertifiedVector& second, const std::optional<Token>& first_token,
              const std::optional<Token>& second_token, long bits) {
  switch (question.criterion) {
    case Criterion::bitwise: return bitwise(RoundedHull(*question.format, first), RoundedHull(*question.format, second));
    case Criterion::tolerance: return tolerance(distance(*question.metric, first, second, bits), *question.eps);
    default: return argmax(first_token, second_token);
  }
}

Verdict judge_equal(const InevitableQuestion& question, const CertifiedVector& both, const std::optional<Token>& token) {
  switch (question.criterion) {
    case Criterion::bitwise: {
      const bool fits = std::all_of(both.begin(), both.end(), [&](const Enclosure& entry) {
        return round(*question.format, entry.lower).status == RoundStatus::finite && round(*question.format, entry.upper).status == RoundStatus::finite;
      });
      if (fits) return Verdict::collapsed;
      const RoundedHull hull(*question.format, both);
      return bitwise(hull, hull) == Verdict::overflow ? Verdict::overflow : Verdict::undecided;
    }
    case Criterion::tolerance: return Verdict::collapsed;
    default: return argmax(token, token);
  }
}

Verdict judge_for_ever(const std::vector<Verdict>& kinds) {
  const auto count = [&](Verdict verdict) { return std::count(kinds.begin(), kinds.end(), verdict); };
  if (count(Verdict::distinct) > 0) return Verdict::distinct;
  for (const Verdict verdict : {Verdict::collapsed, Verdict::overflow})
    if (count(verdict) == std::ssize(kinds)) return verdict;
  return Verdict::undecided;
}

InevitableRow row_from(std::int64_t count, const std::function<Verdict(std::int64_t)>& verdict_at, Verdict for_ever, std::string theorem, std::string open) {
  InevitableRow row;
  std::int64_t lower = count + 1, upper = count + 1;
  bool proved = true;
  for (; lower > 1; --lower) {
    const Verdict verdict = verdict_at(lower - 1);
    if (verdict == Verdict::distinct) break;
    proved = proved && verdict == Verdict::collapsed;
    if (proved) upper = lower - 1;
    if (verdict == Verdict::undecided) ++row.undecided;
  }
  row.theorem = std::move(theorem);
  row.answer = {std::to_string(lower), std::nullopt, Scope::all, Status::unknown};
  if (for_ever == Verdict::distinct) row.answer.status = Status::never, row.undecided = 0;
  if (for_ever == Verdict::collapsed) {
    row.answer.upper = std::to_string(upper);
    row.answer.status = lower == upper ? Status::exact : Status::bracket;
  }
  if (for_ever == Verdict::overflow) row.overflow_from = std::to_string(count + 1);
  if (!row.decided()) row.open = std::move(open);
  return row;
}

bool asks_next_tokens(const std::vector<InevitableQuestion>& questions) {
  return std::any_of(questions.begin(), questions.end(), [](const InevitableQuestion& q) { return q.criterion == Criterion::argmax; });
}

}  // namespace snellen
