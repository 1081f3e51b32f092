// Windows in every layer: pairs of finitely many kinds, against enumeration.
#include "bounds/inevitable_by_window.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel windowed(PositionKind position, std::uint64_t seed = 3) {
  RandomModel m;
  m.seed = seed, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 2, m.position = position, m.gain = 0.5, m.window = 4;
  return m;
}

constexpr PositionKind kinds_of_positions[] = {PositionKind::none, PositionKind::rope, PositionKind::alibi};

}  // namespace

TEST_CASE("windows, the last token repeated: a constant pair, told apart for ever or never") {
  std::size_t exact = 0, never = 0;
  for (const PositionKind position : kinds_of_positions)
    for (const std::uint64_t seed : {3u, 4u}) {
      const Model model = synthetic_model(windowed(position, seed));
      Family family = run_after({1, 4});
      family.pair = Pair::repeat_last, family.unit = {2, 6};
      for (const std::vector<Token>& suffix : {std::vector<Token>{}, {5}, {5, 3}}) {
        family.suffix = suffix;
        const InevitableAnswer answer = ask(model, family);
        REQUIRE(answer.proofs.at(0).theorem == "window_kinds");
        const Agreement agreed = agreement(model, family, answer, 40);
        exact += agreed.exact, never += agreed.never;
      }
    }
  REQUIRE(exact + never == 3 * 2 * 3 * 15);
  REQUIRE(never >= 3 * 2 * 3 * 8);
  REQUIRE(exact >= 3);
}

TEST_CASE("windows, delimiters: as many kinds of pairs as the delimiters have lengths") {
  std::size_t exact = 0, never = 0;
  for (const PositionKind position : kinds_of_positions)
    for (const Pair pair : {Pair::next, Pair::repeat_last})
      for (const auto& [unit, every, kinds] : std::vector<std::tuple<std::vector<Token>, std::int64_t, std::int64_t>>{
               {{2}, 3, 3}, {{2, 6}, 4, 2}, {{2, 6}, 3, 3}, {{2, 6, 3}, 2, 2}, {{2}, 1, 1}, {{2, 6}, 2, 1}, {{2}, 20, 20}}) {
        Family family = run_after({1, 4});
        family.pair = pair, family.unit = unit, family.delimiter = Delimiter{every, {5, 7}};
        REQUIRE(family.kinds() == kinds);
        const Model model = synthetic_model(windowed(position));
        const InevitableAnswer answer = ask(model, family);
        REQUIRE(answer.proofs.at(0).numbers.at("kinds") == std::to_string(kinds));
        const Agreement agreed = agreement(model, family, answer, 60);
        exact += agreed.exact, never += agreed.never;
      }
  REQUIRE(exact + never == 3 * 2 * 7 * 15);
  REQUIRE(never >= 300);
  REQUIRE(exact >= 60);
}

// The window sees two tokens. They are the same in both sequences of a pair but for one kind: the first after a delimiter, which is the last that is evaluated.
TEST_CASE("windows: the last kind alone is told apart") {
  RandomModel m = windowed(PositionKind::none);
  m.layers = 1, m.window = 2;
  const Model model = synthetic_model(m);
  Family family = run_after({1, 4});
  family.pair = Pair::repeat_last, family.delimiter = Delimiter{3, {5}};
  REQUIRE(family.kinds() == 3);
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(answer.proofs.at(0).numbers.at("kinds") == "3");
  REQUIRE(agreement(model, family, answer, 30).never >= 10);
}

// Of a constant run the longer sequence has one token more and the same vector: there is nothing to tell apart.
TEST_CASE("windows, equal tokens: the last token repeated collapses at once") {
  Family family = run_after({});
  family.pair = Pair::repeat_last;
  for (const PositionKind position : kinds_of_positions)
    for (const InevitableRow& row : ask(synthetic_model(windowed(position)), family).rows) {
      REQUIRE(row.answer.status == Status::exact);
      REQUIRE(row.answer.lower == "1");
    }
}

// A kind that is distinct for ever, and another that overflows: neither is a collapse. Values beyond e4m3's largest come from a norm's weight.
TEST_CASE("windows: overflow for ever is no collapse, and no distinction") {
  Model model = synthetic_model(windowed(PositionKind::none));
  model.final_norm->weight = std::make_shared<DenseTensor>(1, 8, std::vector<double>(8, 0x1p20));
  Family family = run_after({1, 4});
  family.pair = Pair::repeat_last, family.unit = {2, 6};
  const InevitableAnswer answer = ask(model, family);
  for (const std::size_t format : {0, 1}) {  // e5m2, e4m3
    REQUIRE(answer.rows[format].answer.status == Status::unknown);
    REQUIRE(!answer.rows[format].answer.upper);
  }
  REQUIRE(answer.rows[2].answer.status == Status::never);  // bf16
  // One vector for ever, in both sequences of each pair: it overflows all the same.
  family.pair = Pair::next;
  const InevitableAnswer equal = ask(model, family);
  for (const std::size_t format : {0, 1}) {
    REQUIRE(equal.rows[format].answer.status == Status::unknown);
    REQUIRE(!equal.rows[format].answer.upper);
    REQUIRE(equal.rows[format].overflow_from == equal.proofs.at(0).numbers.at("tail from"));
  }
  REQUIRE(equal.rows[2].answer.status == Status::exact);
}

TEST_CASE("windows: what cannot be enumerated is refused") {
  const Model model = synthetic_model(windowed(PositionKind::none));
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableLimits limits;
  Family family = run_after({1});
  const auto refusal = [&] { return window_refuses({model, family, Place::final, asked, limits}); };
  REQUIRE(!refusal());
  family.delimiter = Delimiter{std::int64_t{1} << 40, {5}};
  REQUIRE(refusal());
  family.delimiter = Delimiter{3001, {5}};
  REQUIRE(refusal());
  family.delimiter = Delimiter{3000, {5}};
  REQUIRE(!refusal());
  family.suffix = std::vector<Token>(2000, 5);
  REQUIRE(refusal());
  family.delimiter.reset();
  REQUIRE(!refusal());
}
