// The brute-force check of majorants at full size: two layers, every coordinate of every layer, every n up to 3000 (of several tokens up to 1500).
#include "lib/model/synthetic.hpp"
#include "tests/bounds/majorant_against_direct.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr std::int64_t copies = 100, last = 3000;

RandomModel of(PositionKind position, std::uint64_t seed) {
  RandomModel m;
  m.seed = seed, m.width = 16, m.heads = 4, m.kv_heads = 2, m.hidden = 32, m.position = position, m.gain = 0.5;
  return m;
}

void check(const RandomModel& m, const RunParts& parts, std::int64_t to = last, std::size_t short_steps = 0) {
  const Checked checked = check_majorants(synthetic_model(m), parts, copies, to);
  REQUIRE(checked.comparisons >= 16 * 3 * static_cast<std::size_t>(to - copies) * 4);
  REQUIRE(checked.narrow >= checked.comparisons / 4);
  REQUIRE(100 * checked.short_steps >= short_steps * checked.comparisons);
}

}  // namespace

TEST_CASE("RoPE, grouped queries: no length up to 3000 leaves the majorants") { check(of(PositionKind::rope, 1), {{1, 5}, {2}, {}}); }

TEST_CASE("RoPE, a suffix: no length up to 3000 leaves the majorants") { check(of(PositionKind::rope, 2), {{1, 5}, {2}, {4}}); }

TEST_CASE("no positions, a soft-cap: no length up to 3000 leaves the majorants") {
  RandomModel m = of(PositionKind::none, 3);
  m.softcap = 4;
  check(m, {{1, 5}, {2}, {}});
}

TEST_CASE("no positions, units of two tokens: no step up to 1500 leaves the majorants") {
  check(of(PositionKind::none, 5), {{1, 5}, {2, 6}, {}}, 1500, 30);
  RandomModel m = of(PositionKind::none, 6);
  m.softcap = 4;
  check(m, {{1}, {2, 6}, {4}}, 700, 20);
}

TEST_CASE("windows in some layers and in all: no length up to 3000 leaves the majorants") {
  RandomModel m = of(PositionKind::rope, 4);
  m.window = 40, m.global_every = 2;
  check(m, {{1, 5}, {2}, {}});
  m.global_every = 0, m.position = PositionKind::alibi;
  check(m, {{1, 5}, {2}, {}});
}
