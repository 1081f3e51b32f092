// One layer under RoPE: exact lengths against enumeration and against each other.
#include "bounds/inevitable_by_rotation.hpp"

#include <algorithm>

#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

InevitableAnswer rotation(const Model& model, const Family& family) {
  SilentProgress silent;
  const auto asked = questions();
  const InevitableTask task{model, family, Place::final, asked, {}};
  REQUIRE(!rotation_refuses(task));
  return by_rotation(task, silent);
}

std::size_t exact_of(const InevitableAnswer& answer) {
  return static_cast<std::size_t>(std::count_if(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.answer.status == Status::exact; }));
}

}  // namespace

TEST_CASE("RoPE, one layer: exact in every format, as enumeration finds and one less for one more token of the prefix") {
  const Model model = synthetic_model(small(PositionKind::rope));
  const InevitableAnswer answer = rotation(model, run_after({1}));
  REQUIRE(exact_of(answer) == questions().size());
  REQUIRE(check_by_enumeration(model, run_after({1}), answer, 400) >= 3);
  REQUIRE(lowered_by_one(answer, rotation(model, run_after({1, 2}))) >= 10);
}

TEST_CASE("RoPE, one layer: several tokens, a suffix, grouped queries, partial rotary positions, several phases") {
  std::size_t exact = 0;
  const auto check = [&](RandomModel m, std::vector<Token> prefix, std::vector<Token> suffix) {
    m.vocab = 8;
    const Model model = synthetic_model(m);
    Family family = run_after(std::move(prefix));
    family.suffix = std::move(suffix);
    const InevitableAnswer answer = rotation(model, family);
    check_brackets(model, family, questions(), answer, 120);
    exact += exact_of(answer);
  };
  check(small(PositionKind::rope), {1, 4, 3}, {5});
  RandomModel m = small(PositionKind::rope);
  m.kv_heads = 1, m.head_size = 6, m.rotary_dimensions = 4, m.qk_norm = true, m.gain = 0.25;
  check(m, {1}, {});
  REQUIRE(exact >= 25);
}
