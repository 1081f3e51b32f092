// Copies of a period and tails against direct evaluation: every n, every coordinate. Lemmas: proofs/periodic.md.
#include "bounds/period.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/period_against_direct.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small() {
  RandomModel m;
  m.seed = 3, m.width = 16, m.heads = 4, m.hidden = 24, m.vocab = 8, m.position = PositionKind::alibi, m.gain = 0.5;
  return m;
}

Family family_of(std::vector<Token> unit, std::vector<Token> suffix = {}, Pair pair = Pair::next) {
  Family family;
  family.prefix = {1, 4}, family.unit = std::move(unit), family.suffix = std::move(suffix), family.pair = pair;
  return family;
}

PeriodSettings settings() {
  PeriodSettings s;
  s.explicit_tokens = 40;
  return s;
}

}  // namespace

TEST_CASE("copies of a period and tails enclose every length, for every kind of family and model") {
  std::size_t compared = 0, in_tails = 0;
  const auto check = [&](const Family& family, auto change, std::int64_t last) {
    RandomModel m = small();
    change(m);
    const PeriodCheck c = check_against_direct(steep(m), family, m.seed % 2 == 0 ? Place::hidden : Place::final, settings(), last, 1e-16);
    REQUIRE(c.last < 1e-3);
    REQUIRE(c.last < c.first_finite / 16);
    compared += c.compared, in_tails += c.in_tails;
  };
  const auto same = [](RandomModel&) {};
  check(family_of({2, 3}), same, 150);
  check(family_of({2, 3, 5}, {6, 7}), [](RandomModel& m) { m.kv_heads = 2, m.seed = 4; }, 100);
  check(family_of({2, 3}, {}, Pair::repeat_last), [](RandomModel& m) { m.layers = 1, m.gain = 2, m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false; }, 150);
  check(family_of({2}, {6}, Pair::repeat_last), [](RandomModel& m) { m.heads = 6, m.head_size = 4, m.qk_norm = true, m.post_norms = true, m.unit_offset = true; }, 400);
  check(family_of({2, 3}, {5}), [](RandomModel& m) { m.window = 5, m.global_every = 2, m.layers = 3; }, 120);
  check(family_of({2}), [](RandomModel& m) { m.window = 9, m.global_every = 2; }, 200);
  Family delimited = family_of({2}, {5}, Pair::repeat_last);
  delimited.delimiter = Delimiter{3, {6, 7}};
  check(delimited, [](RandomModel& m) { m.layers = 1, m.heads = 1, m.head_size = 20; }, 120);
  delimited.pair = Pair::next, delimited.suffix.clear(), delimited.unit = {2, 3}, delimited.prefix.clear();
  check(delimited, same, 120);
  REQUIRE(compared == 2 * 16 * (150 + 100 + 150 + 400 + 120 + 200 + 120 + 120));
  REQUIRE(in_tails >= compared);
}
