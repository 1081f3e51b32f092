// RoPE of every kind that real models use, two layers: head sizes 8 to 128, bases, partial rotary positions, grouped queries, head norms, local and global layers, several tokens before
// the run and after it. Each is answered with an upper end for all n that enumeration does not contradict, and what is refused is refused with words.
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel two_layers(std::size_t head_size, double base = 10000) {
  RandomModel m = small(PositionKind::rope);
  m.layers = 2, m.gain = 0.25, m.head_size = head_size, m.rope_base = base;
  return m;
}

// The rows with an upper end and, above the enumerated lengths, a lower end of their own.
void check(const RandomModel& m, std::vector<Token> prefix, std::vector<Token> suffix = {}) {
  const Model model = synthetic_model(m);
  Family family = run_after(std::move(prefix));
  family.suffix = std::move(suffix);
  INFO(describe(m));
  // What is tried is each kind's way to an answer, not how sharp it becomes: rows that stay brackets would otherwise be followed as far as the time of a report allows.
  InevitableLimits limits;
  limits.max_tokens = 2000;
  const InevitableAnswer answer = ask(model, family, limits);
  REQUIRE(answer.unsupported.empty());
  check_brackets(model, family, questions(), answer, 100);
}

}  // namespace

TEST_CASE("RoPE: head sizes from 8 to 128 and several bases") {
  for (const std::size_t size : {8, 16, 32, 64, 128}) check(two_layers(size), {1});
  for (const double base : {100.0, 500000.0, 1000000.0}) check(two_layers(8, base), {1});
}

TEST_CASE("RoPE: partial rotary positions, grouped queries, head norms, several tokens before the run") {
  RandomModel m = two_layers(8);
  m.rotary_dimensions = 4;
  check(m, {1, 4, 3});
  m.heads = 4, m.kv_heads = 2, m.qk_norm = true;
  check(m, {1, 4, 3, 5, 6, 7, 1, 3, 4, 5});  // more than have factors of their own
}

TEST_CASE("RoPE: local and global layers, and a suffix") {
  RandomModel m = two_layers(8);
  m.window = 4, m.global_every = 2;
  check(m, {1, 4});
  check(two_layers(8), {1, 4}, {5, 3});
}

TEST_CASE("RoPE: what has no answer says why") {
  const Model model = synthetic_model(two_layers(8));
  Family family = run_after({1});
  family.unit = {2, 3};
  const InevitableAnswer answer = ask(model, family);
  INFO(answer.unsupported);
  REQUIRE(answer.unsupported.find("a unit of several tokens turned by rotary positions") != std::string::npos);
  for (const InevitableRow& row : answer.rows) REQUIRE(row.answer.status == Status::unknown);
}
