// The brute-force check at full size: the reference's slopes, two layers, every coordinate of every pair, and exact lengths and `never` where enumeration reaches.
#include "bounds/inevitable_by_period.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"
#include "tests/bounds/period_against_direct.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel alibi(std::uint64_t seed) {
  RandomModel m;
  m.seed = seed, m.width = 16, m.heads = 4, m.hidden = 32, m.position = PositionKind::alibi, m.gain = 0.5;
  return m;
}

Family family_of(std::vector<Token> unit, std::vector<Token> suffix, Pair pair) {
  Family family = run_after({1, 4});
  family.unit = std::move(unit), family.suffix = std::move(suffix), family.pair = pair;
  return family;
}

}  // namespace

TEST_CASE("the reference's slopes: copies and tails enclose every pair up to 1500") {
  std::size_t compared = 0;
  PeriodCheck c = check_against_direct(synthetic_model(alibi(1)), family_of({2, 3}, {}, Pair::next), Place::final, PeriodSettings{}, 1500, 1e-16);
  REQUIRE(c.last < 1e-3);
  REQUIRE(c.in_tails > 100'000);
  compared += c.compared;
  RandomModel windowed = alibi(2);
  windowed.window = 40, windowed.global_every = 2;
  c = check_against_direct(synthetic_model(windowed), family_of({2}, {5}, Pair::repeat_last), Place::final, PeriodSettings{}, 1500, 1e-16);
  REQUIRE(c.last < 1e-3);
  REQUIRE(c.in_tails > 100'000);
  compared += c.compared;
  REQUIRE(compared == 2 * 2 * 16 * 1500);
}

TEST_CASE("the reference's slopes: exact lengths are those of enumeration, and what differs for ever differs at 1500") {
  std::size_t exact = 0, never = 0;
  for (const Family& family : {family_of({2, 3}, {}, Pair::next), family_of({2}, {5, 6}, Pair::next), family_of({2, 3}, {}, Pair::repeat_last)}) {
    const Model model = synthetic_model(alibi(3));
    const InevitableAnswer answer = ask(model, family);
    REQUIRE(answer.decided());
    const Agreement agreed = agreement(model, family, answer, 1500);
    exact += agreed.exact, never += agreed.never;
  }
  REQUIRE(exact >= 20);  // of 3 * 15; the others are beyond 1500
  REQUIRE(never >= 8);
}
