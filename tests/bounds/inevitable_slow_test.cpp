// Exact lengths and upper ends for all n against enumeration up to 3000.
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr std::int64_t horizon = 3000;

RandomModel two_layers(PositionKind position) {
  RandomModel m = small(position);
  m.width = 16, m.heads = 4, m.kv_heads = 2, m.hidden = 32, m.layers = 2;
  return m;
}

}  // namespace

TEST_CASE("NoPE, grouped queries: exact lengths are those of enumeration up to 3000") {
  const Model model = synthetic_model(two_layers(PositionKind::none));
  const Family family = run_after({1, 4});
  REQUIRE(check_by_enumeration(model, family, ask(model, family), horizon) >= 9);
}

TEST_CASE("NoPE, a suffix: exact lengths are those of enumeration up to 3000") {
  const Model model = synthetic_model(small(PositionKind::none));
  Family family = run_after({1});
  family.suffix = {5};
  REQUIRE(check_by_enumeration(model, family, ask(model, family), horizon) >= 9);
}

TEST_CASE("ALiBi: exact lengths are those of enumeration up to 3000") {
  const Model model = synthetic_model(two_layers(PositionKind::alibi));
  const Family family = run_after({1, 4});
  REQUIRE(check_by_enumeration(model, family, ask(model, family), horizon) >= 9);
}

TEST_CASE("windows: exact lengths are those of enumeration up to 3000") {
  RandomModel m = two_layers(PositionKind::rope);
  m.window = 100;
  const Model model = synthetic_model(m);
  const Family family = run_after({1, 4});
  REQUIRE(check_by_enumeration(model, family, ask(model, family), horizon) == 15);
}

TEST_CASE("RoPE, windows in some layers: no pair up to 3000 contradicts an upper end") {
  std::size_t below = 0;
  const auto check = [&](const RandomModel& m) {
    const Model model = synthetic_model(m);
    const Family family = run_after({1, 4});
    below += check_brackets(model, family, questions(), ask(model, family), horizon);
  };
  check(small(PositionKind::rope));
  RandomModel m = two_layers(PositionKind::rope);
  m.window = 40, m.global_every = 2;
  check(m);
  REQUIRE(below >= 8);
}
