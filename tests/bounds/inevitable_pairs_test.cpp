// From verdicts to rows: every sequence of four verdicts, with every end, against the definitions.
#include "bounds/inevitable_pairs.hpp"

#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr Verdict all[] = {Verdict::collapsed, Verdict::distinct, Verdict::undecided, Verdict::overflow};

}  // namespace

TEST_CASE("rows say of all n what the verdicts say") {
  std::size_t exact = 0, bracket = 0, never = 0, unknown = 0;
  for (const Verdict for_ever : all)
    for (int code = 0; code < 256; ++code) {
      std::vector<Verdict> verdicts;
      for (int n = 0, rest = code; n < 4; ++n, rest /= 4) verdicts.push_back(all[rest % 4]);
      const InevitableRow row = row_from(4, [&](std::int64_t n) { return verdicts.at(static_cast<std::size_t>(n - 1)); }, for_ever, "window_kinds", "why");
      std::int64_t last_distinct = 0, last_unproved = 0, undecided = 0;
      for (std::int64_t n = 1; n <= 4; ++n) {
        const Verdict verdict = verdicts[static_cast<std::size_t>(n - 1)];
        if (verdict == Verdict::distinct) last_distinct = n, undecided = 0;
        if (verdict != Verdict::collapsed) last_unproved = n;
        if (verdict == Verdict::undecided) ++undecided;
      }
      INFO("verdicts " << code << " then " << static_cast<int>(for_ever));
      REQUIRE(row.answer.lower == std::to_string(last_distinct + 1));
      REQUIRE(row.answer.upper.has_value() == (for_ever == Verdict::collapsed));
      if (row.answer.upper) REQUIRE(*row.answer.upper == std::to_string(last_unproved + 1));
      REQUIRE(row.overflow_from.has_value() == (for_ever == Verdict::overflow));
      if (row.overflow_from) REQUIRE(*row.overflow_from == "5");
      const Status expected = for_ever == Verdict::distinct     ? Status::never
                              : for_ever != Verdict::collapsed  ? Status::unknown
                              : last_distinct == last_unproved ? Status::exact
                                                                : Status::bracket;
      REQUIRE(row.answer.status == expected);
      REQUIRE(row.undecided == (expected == Status::never ? 0 : undecided));
      REQUIRE(row.open.empty() == row.decided());
      exact += expected == Status::exact, bracket += expected == Status::bracket, never += expected == Status::never, unknown += expected == Status::unknown;
    }
  REQUIRE(exact + bracket == 256);
  REQUIRE(exact == 85 + 1);  // a distinct pair and collapses above it, or collapses alone
  REQUIRE(never == 256);
  REQUIRE(unknown == 512);
}

TEST_CASE("kinds: one distinct suffices for ever, collapse and overflow take all") {
  for (const Verdict a : all)
    for (const Verdict b : all) {
      const bool distinct = a == Verdict::distinct || b == Verdict::distinct;
      const Verdict expected = distinct ? Verdict::distinct : a == b ? a : Verdict::undecided;
      REQUIRE(judge_for_ever({a, b}) == expected);
      REQUIRE(judge_for_ever({a}) == a);
    }
}
