// The brute-force check at full size: two layers of width 32, every coordinate of every n up to 3000, and exact lengths where enumeration reaches.
#include "bounds/era.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/bounds/era_against_direct.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("eras and tails of two layers of width 32 enclose every length up to 3000") {
  std::size_t tested = 0;
  for (const std::uint64_t seed : {1u, 2u}) {
    RandomModel m;
    m.seed = seed, m.position = PositionKind::none, m.kv_heads = seed == 1 ? 4 : 2;
    tested += check_against_direct(synthetic_model(m), {1}, 2, {}, RunSettings{}, 3000, 1e-12);
  }
  REQUIRE(tested == 2 * 3000 * 32);
}

TEST_CASE("eras and tails with a suffix enclose every length up to 3000") {
  RandomModel m;
  m.seed = 3, m.width = 16, m.hidden = 32, m.kv_heads = 2, m.position = PositionKind::none;
  REQUIRE(check_against_direct(synthetic_model(m), {1, 4}, 2, {5}, RunSettings{}, 3000, 1e-10) == 3000 * 16);
}

TEST_CASE("eras after a prefix that outweighs the run enclose every length up to 3000") {
  RandomModel m;
  m.width = 16, m.hidden = 32, m.kv_heads = 2, m.position = PositionKind::none, m.gain = 4;
  RunSettings s;
  s.wanted = -40;
  REQUIRE(check_against_direct(synthetic_model(m), {1, 3, 5}, 2, {}, s, 3000, 1e-6) == 3000 * 16);
}

TEST_CASE("single tokens and tails under ALiBi enclose every length up to 3000") {
  RandomModel m;
  m.position = PositionKind::alibi;
  RunSettings s;
  s.one_token_eras = true;
  REQUIRE(check_against_direct(synthetic_model(m), {1}, 2, {}, s, 3000, 1e-12) == 3000 * 32);
}
