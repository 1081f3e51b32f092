// Exact lengths for every n against enumeration, and against one another.
#include "lib/error.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("NoPE: every length is exact and enumeration agrees where it reaches") {
  const Model model = synthetic_model(small(PositionKind::none));
  const Family family = run_after({1});
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(answer.proofs.at(0).theorem == "inevitable_by_eras");
  REQUIRE(check_by_enumeration(model, family, answer, 1500) >= 9);
  REQUIRE(Length(answer.rows[5].answer.lower) > Length(10000000));  // fp32

  SECTION("the run token appended to the prefix lowers every exact length by one") {
    REQUIRE(lowered_by_one(answer, ask(model, run_after({1, 2}))) >= 12);
  }
  SECTION("too few bits prove nothing false") {
    Shortfall shortfall = with_few_bits(model, family, answer, {24, 48, 64, 80});
    InevitableLimits limits;
    limits.max_eras = 20, limits.attempts = 1;
    check_short_of(shortfall, answer, ask(model, family, limits), limits.max_bits);
    REQUIRE(shortfall.open >= 18);
    REQUIRE(shortfall.exact >= 10);
    REQUIRE(shortfall.tight >= 5);
  }
}

TEST_CASE("ALiBi: every length is exact and enumeration agrees") {
  const Model model = synthetic_model(small(PositionKind::alibi));
  const Family family = run_after({1, 4});
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(check_by_enumeration(model, family, answer, 1500) >= 9);
  REQUIRE(lowered_by_one(answer, ask(model, run_after({1, 4, 2}))) >= 10);
  const Shortfall shortfall = with_few_bits(model, family, answer, {16, 24, 40});
  REQUIRE(shortfall.open >= 10);
  REQUIRE(shortfall.exact >= 5);
}

TEST_CASE("a window: exact below the reach, and from the reach on nothing changes") {
  std::size_t reached = 0, lowered = 0;
  Shortfall shortfall;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi}) {
    RandomModel m = small(position);
    m.window = 5, m.layers = 2;
    const Model model = synthetic_model(m);
    Family family = run_after({1, 4});
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.suffix = {5};
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.unit = {2, 6, 3};
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.suffix.clear(), family.unit = {2};
    const InevitableAnswer answer = ask(model, family);
    REQUIRE(answer.proofs.at(0).numbers.at("tail from") == "9");  // 2 (5 - 1) + 1
    REQUIRE(answer.rows[5].answer.lower == "9");
    lowered += lowered_by_one(answer, ask(model, run_after({1, 4, 2})));
    const Shortfall few = with_few_bits(model, family, answer, {10, 32});
    shortfall.open += few.open, shortfall.exact += few.exact;
  }
  REQUIRE(reached == 3 * 3 * 15);
  REQUIRE(lowered >= 3 * 10);
  REQUIRE(shortfall.open >= 5);
  REQUIRE(shortfall.exact >= 5);
}

TEST_CASE("what is not supported says so and proves nothing") {
  const auto unknown = [](const RandomModel& m, const Family& family) {
    const InevitableAnswer answer = ask(synthetic_model(m), family);
    for (const InevitableRow& row : answer.rows) REQUIRE((row.answer.status == Status::unknown && !row.answer.upper));
    return !answer.unsupported.empty();
  };
  REQUIRE(unknown(small(PositionKind::sinusoidal), run_after({1})));
  REQUIRE(unknown(small(PositionKind::learned), run_after({1})));
  Family family = run_after({1});
  family.unit = {2, 3};
  REQUIRE(unknown(small(PositionKind::rope), family));
  family.unit = {2}, family.pair = Pair::repeat_last;
  REQUIRE(unknown(small(PositionKind::none), family));
}

TEST_CASE("what is not examined is not claimed") {
  RandomModel description;
  description.seed = 3, description.width = 8, description.heads = 2, description.hidden = 12, description.vocab = 8, description.layers = 1;
  description.position = PositionKind::none;
  Model model = synthetic_model(description);
  Family family;
  family.prefix = {1}, family.unit = {2}, family.from = family.to = 50;
  SilentProgress silent;
  const std::vector<InevitableQuestion> questions{{find_format("e4m3"), Criterion::bitwise, {}, {}}};
  // Lengths that begin beyond 1 say nothing of those before, and those from 0 on begin with another kind of sequence.
  for (const std::int64_t from : {0, 2, 50}) {
    family.from = from;
    const InevitableAnswer answer = inevitable_lengths(model, family, Place::final, questions, {}, silent);
    REQUIRE(!answer.unsupported.empty());
    REQUIRE((answer.rows[0].answer.status == Status::unknown && !answer.rows[0].answer.upper));
  }
  // Windows whose sum does not fit an integer are no short reach.
  family.from = 1;
  for (const std::size_t window : {std::size_t(-1), std::size_t(1) << 63, (std::size_t(1) << 62) + 1, std::size_t(4000)}) {
    for (Layer& layer : model.layers) layer.attention.window = window;
    const InevitableAnswer answer = inevitable_lengths(model, family, Place::final, questions, {}, silent);
    for (const InevitableProof& proof : answer.proofs) REQUIRE(proof.theorem != "window_reach");
    REQUIRE((answer.rows[0].answer.upper && Length(*answer.rows[0].answer.upper) > Length(window) / 2));
  }
  family.unit = {99};
  REQUIRE_THROWS_AS(inevitable_lengths(model, family, Place::final, questions, {}, silent), InputError);
}
