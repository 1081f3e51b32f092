// Exact lengths of P . a^n . Q against enumeration, and against one another.
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("NoPE with a suffix: every length is exact and enumeration agrees where it reaches") {
  const Model model = synthetic_model(small(PositionKind::none));
  Family family = run_after({1}), appended = run_after({1, 2});
  family.suffix = appended.suffix = {4, 6};
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(check_by_enumeration(model, family, answer, 300) >= 6);
  REQUIRE(Length(answer.rows[5].answer.lower) > Length(1000000));  // fp32
  REQUIRE(lowered_by_one(answer, ask(model, appended)) >= 10);
  const Shortfall shortfall = with_few_bits(model, family, answer, {24, 48, 80});
  REQUIRE(shortfall.open >= 10);
  REQUIRE(shortfall.exact >= 5);
}

TEST_CASE("a suffix of run tokens is a longer run: exact lengths are lower by as many") {
  const Model model = synthetic_model(small(PositionKind::none));
  Family longer = run_after({1});
  longer.suffix = {2};
  REQUIRE(lowered_by_one(ask(model, run_after({1})), ask(model, longer)) >= 12);
}
