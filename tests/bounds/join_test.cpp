// What is proved for all n and what was evaluated, joined: no fact is lost, none is added, and a contradiction is an error.
#include <random>

#include "bounds/collapse.hpp"
#include "lib/number/length.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

CollapseRow evaluated(const std::string& letters, std::int64_t from) {
  CollapseRow row;
  for (const char letter : letters)
    row.verdicts.push_back(letter == 'C' ? Verdict::collapsed : letter == 'D' ? Verdict::distinct : letter == 'O' ? Verdict::overflow : Verdict::undecided);
  summarise(row, from);
  return row;
}

InevitableRow proved(const std::string& lower, std::optional<std::string> upper, Status status) {
  InevitableRow row;
  row.answer = {lower, std::move(upper), Scope::all, status};
  row.theorem = "inevitable_by_eras", row.undecided = 7, row.open = "why", row.numbers = {{"bits", "160"}};
  return row;
}

CollapseRow joined(const std::string& letters, std::int64_t from, const InevitableRow& all) {
  CollapseRow row = evaluated(letters, from);
  join(row, from, all);
  return row;
}

}  // namespace

TEST_CASE("enumeration sharpens both ends of a bracket") {
  const CollapseRow row = joined("DDCDCCCC", 1, proved("1", "9", Status::bracket));
  REQUIRE((row.inevitable.lower == "5" && row.inevitable.upper == "5" && row.inevitable.status == Status::exact && row.inevitable.scope == Scope::all));
  REQUIRE((row.basis.undecided == 0 && row.basis.open.empty() && row.basis.theorem == "inevitable_by_eras"));
  REQUIRE(row.basis.numbers.at("evaluated one by one to") == "8");
  REQUIRE(row.collapsed_from == 5);

  // One undecided or overflowing pair in between, or a gap between the horizon and `upper`, keeps it a bracket.
  REQUIRE(joined("DDCDCUCC", 1, proved("1", "9", Status::bracket)).inevitable.upper == "7");
  REQUIRE(joined("DDCDCOCC", 1, proved("1", "9", Status::bracket)).inevitable.upper == "7");
  const CollapseRow gap = joined("DDCDCCCC", 1, proved("1", "10", Status::bracket));
  REQUIRE((gap.inevitable.lower == "5" && gap.inevitable.upper == "10" && gap.inevitable.status == Status::bracket));
  REQUIRE((gap.basis.open == "why" && gap.basis.undecided == 7));
}

TEST_CASE("what is proved beyond the horizon stays as it is") {
  const CollapseRow row = joined("DDCC", 1, proved("50000000000", "50000000000", Status::exact));
  REQUIRE((row.inevitable.lower == "50000000000" && row.inevitable.upper == "50000000000" && row.inevitable.status == Status::exact));
  REQUIRE(row.basis.numbers.count("evaluated one by one to") == 0);
  REQUIRE(row.last_distinct == 2);
  REQUIRE(last_distinct(row) == "49999999999");
  REQUIRE(joined("DD", 1, proved("123456789012345678901234567890", "123456789012345678901234567891", Status::bracket)).inevitable.lower ==
          "123456789012345678901234567890");
}

TEST_CASE("lengths that begin beyond 1 say nothing of those before, and length 0 is not asked about") {
  const CollapseRow late = joined("CCCC", 50, proved("1", "52", Status::bracket));
  REQUIRE((late.inevitable.lower == "1" && late.inevitable.upper == "50" && late.inevitable.status == Status::bracket));
  const CollapseRow exact = joined("CCCC", 50, proved("3", "3", Status::exact));
  REQUIRE((exact.inevitable.upper == "3" && exact.inevitable.status == Status::exact));
  const CollapseRow zero = joined("DCC", 0, proved("1", "2", Status::bracket));
  REQUIRE((zero.inevitable.lower == "1" && zero.inevitable.upper == "1" && zero.inevitable.status == Status::exact));
  REQUIRE_FALSE(last_distinct(zero));
}

TEST_CASE("nothing proved for all n leaves the answer up to the horizon; a distinct pair beyond it does not") {
  const CollapseRow row = joined("DDCC", 1, proved("1", std::nullopt, Status::unknown));
  REQUIRE((row.inevitable.scope == Scope::horizon && row.inevitable.upper == "3" && row.inevitable.status == Status::exact));
  REQUIRE((row.basis.theorem.empty() && row.basis.open == "why"));
  const CollapseRow beyond = joined("DDCC", 1, proved("1000", std::nullopt, Status::unknown));
  REQUIRE((beyond.inevitable.scope == Scope::all && !beyond.inevitable.upper && beyond.inevitable.status == Status::unknown));
  REQUIRE(last_distinct(beyond) == "999");
  const CollapseRow never = joined("CC", 1, proved("1", std::nullopt, Status::never));
  REQUIRE((never.inevitable.status == Status::never && never.inevitable.scope == Scope::all));
}

TEST_CASE("contradictions are errors and no reports") {
  REQUIRE_THROWS_AS(joined("CCCD", 1, proved("1", "4", Status::bracket)), std::logic_error);
  REQUIRE_THROWS_AS(joined("CCCD", 1, proved("2", "2", Status::exact)), std::logic_error);
}

// For random truths (a distinct n in the middle, collapse from some N on) and random gaps in what is known, the joined interval contains N.
TEST_CASE("the joined interval contains the true length") {
  std::mt19937_64 random(7);
  std::size_t exact = 0, brackets = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const std::int64_t star = 1 + static_cast<std::int64_t>(random() % 12), from = 1 + static_cast<std::int64_t>(random() % 3), to = from + static_cast<std::int64_t>(random() % 12);
    const auto truth = [&](std::int64_t n) { return n >= star || (n + 1 < star && n % 3 == 0); };
    std::string letters;
    for (std::int64_t n = from; n <= to; ++n) letters += random() % 8 == 0 ? 'U' : truth(n) ? 'C' : 'D';
    const std::int64_t upper = star + static_cast<std::int64_t>(random() % 6);
    const std::int64_t lower = random() % 2 == 0 ? star : 1;
    const CollapseRow row = joined(letters, from, proved(std::to_string(lower), std::to_string(upper), lower == upper ? Status::exact : Status::bracket));
    REQUIRE((std::stoll(row.inevitable.lower) <= star && star <= std::stoll(*row.inevitable.upper)));
    REQUIRE((std::stoll(row.inevitable.lower) >= lower && std::stoll(*row.inevitable.upper) <= upper));
    REQUIRE((row.inevitable.status == Status::exact) == (row.inevitable.lower == *row.inevitable.upper));
    ++(row.inevitable.status == Status::exact ? exact : brackets);
  }
  REQUIRE((exact > 500 && brackets > 500));
}

TEST_CASE("a later attempt makes no row worse") {
  const auto answer = [](InevitableRow row) {
    InevitableAnswer a;
    a.rows = {std::move(row)};
    a.proofs = {{"inevitable_by_eras", {}, {{"bits", a.rows[0].answer.lower}}}};
    return a;
  };
  std::mt19937_64 random(11);
  std::size_t tested = 0;
  for (int trial = 0; trial < 500; ++trial) {
    InevitableAnswer sum;
    std::int64_t best_lower = 1, best_upper = 1 << 20;
    for (int attempt = 0; attempt < 4; ++attempt) {
      const std::int64_t lower = 1 + static_cast<std::int64_t>(random() % 50), upper = 50 + static_cast<std::int64_t>(random() % 50);
      const bool closes = random() % 3 != 0;
      best_lower = std::max(best_lower, lower);
      if (closes) best_upper = std::min(best_upper, upper);
      InevitableRow row = proved(std::to_string(lower), closes ? std::optional(std::to_string(upper)) : std::nullopt,
                                 !closes ? Status::unknown : lower == upper ? Status::exact : Status::bracket);
      row.numbers = {{"attempt", std::to_string(upper)}};
      sum.sharpen(answer(row));
      REQUIRE(Length(sum.rows[0].answer.lower) == best_lower);
      REQUIRE(sum.rows[0].answer.upper.has_value() == (best_upper < (1 << 20)));
      if (!sum.rows[0].answer.upper) continue;
      REQUIRE(Length(*sum.rows[0].answer.upper) == best_upper);
      REQUIRE((sum.rows[0].answer.status == Status::exact) == (best_lower == best_upper));
      // What is printed beside the row is of the attempt that proved its upper end.
      REQUIRE(sum.rows[0].numbers.at("attempt") == std::to_string(best_upper));
      ++tested;
    }
  }
  REQUIRE(tested > 1000);
  InevitableAnswer never = answer(proved("4", std::nullopt, Status::never));
  REQUIRE_THROWS_AS(never.sharpen(answer(proved("4", "4", Status::exact))), std::logic_error);
  InevitableAnswer overflowing = answer(proved("4", std::nullopt, Status::unknown));
  InevitableRow more = proved("5", std::nullopt, Status::unknown);
  more.overflow_from = "900";
  overflowing.sharpen(answer(more));
  REQUIRE((overflowing.decided() && overflowing.rows[0].overflow_from == "900" && overflowing.rows[0].answer.lower == "5" && overflowing.rows[0].open.empty()));
  REQUIRE_THROWS_AS(overflowing.sharpen(answer(proved("4", "1000", Status::bracket))), std::logic_error);
}
