// Upper ends for all n from majorants: enumeration and eras never contradict them.
#include "bounds/inevitable_by_majorant.hpp"

#include <algorithm>

#include "bounds/inevitable_by_eras.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using snellen::testing::check_brackets;

namespace {

constexpr const char* formats[] = {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"};

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 2, m.position = position, m.gain = 0.5;
  return m;
}

Family family(std::vector<Token> prefix, std::vector<Token> unit, std::vector<Token> suffix) {
  Family f;
  f.prefix = std::move(prefix), f.unit = std::move(unit), f.suffix = std::move(suffix), f.from = f.to = 1;
  return f;
}

// Every format under every criterion.
std::vector<InevitableQuestion> questions() {
  std::vector<InevitableQuestion> all;
  for (const char* name : formats) all.push_back({find_format(name), Criterion::bitwise, {}, {}});
  for (const char* name : formats)
    for (const Metric metric : {Metric::l1, Metric::linf})
      all.push_back({find_format(name), Criterion::tolerance, metric, Dyadic::power_of_two(1 - find_format(name)->precision)});
  all.push_back({{}, Criterion::argmax, {}, {}});
  return all;
}

InevitableAnswer ask(const Model& model, const Family& f, const InevitableLimits& limits = {}) {
  SilentProgress silent;
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableTask task{model, f, Place::final, asked, limits};
  REQUIRE(!majorant_refuses(task));
  return by_majorant(task, silent);
}

std::size_t check(const Model& model, const Family& f, std::int64_t horizon) { return check_brackets(model, f, questions(), ask(model, f), horizon); }

}  // namespace

TEST_CASE("RoPE, soft-caps, mixed windows: an upper end in every format, and enumeration agrees") {
  std::size_t below = 0;
  const auto add = [&](PositionKind position, auto change) {
    RandomModel m = small(position);
    change(m);
    below += check(synthetic_model(m), family({1}, {2}, {}), 300);
  };
  add(PositionKind::rope, [](RandomModel& m) { m.layers = 1; });
  add(PositionKind::rope, [](RandomModel& m) { m.gain = 0.25; });
  add(PositionKind::none, [](RandomModel& m) { m.softcap = 3; });
  add(PositionKind::rope, [](RandomModel& m) { m.window = 5, m.global_every = 2; });
  REQUIRE(below >= 8);
}

TEST_CASE("a suffix, and units of several tokens: an upper end in every format, and enumeration agrees") {
  std::size_t below = 0;
  below += check(synthetic_model(small(PositionKind::none)), family({1}, {2}, {5}), 150);
  below += check(synthetic_model(small(PositionKind::rope)), family({1}, {2}, {5}), 150);
  below += check(synthetic_model(small(PositionKind::none)), family({1}, {2, 6}, {}), 150);
  below += check(synthetic_model(small(PositionKind::none)), family({1}, {2, 6}, {4, 1}), 100);
  REQUIRE(below >= 3);
}

// Steps fall like 1/n^2 without positions, whatever the unit and the suffix: 2^-23 is 2^15 times as small as 2^-8, and the length less than 2^9 times as long.
TEST_CASE("several tokens, a suffix, a soft-cap, no positions: tolerance asks for the root of what the deviation would") {
  const auto upper = [](const RandomModel& m, const Family& f, std::int64_t horizon) {
    const InevitableAnswer answer = ask(synthetic_model(m), f);
    std::size_t compared = 0;
    const std::vector<InevitableQuestion> asked = questions();
    for (std::size_t r = 0; r < asked.size(); ++r) {
      if (asked[r].criterion != Criterion::tolerance || asked[r].format->name != "fp32") continue;
      INFO("row " << r << ": " << answer.rows[r].answer.upper.value_or("none"));
      REQUIRE(Length(*answer.rows[r].answer.upper) <= 100000);
      ++compared;
    }
    REQUIRE(compared == 2);
    const auto is_of_steps = [](const InevitableProof& p) { return p.theorem == "inevitable_by_steps" && p.hypotheses.size() == 3; };
    REQUIRE(std::count_if(answer.proofs.begin(), answer.proofs.end(), is_of_steps) == 1);
    return check_brackets(synthetic_model(m), f, asked, answer, horizon);
  };
  RandomModel capped = small(PositionKind::none);
  capped.softcap = 3;
  std::size_t below = upper(small(PositionKind::none), family({1}, {2, 6}, {}), 100);
  below += upper(capped, family({1}, {2, 6}, {}), 50);
  below += upper(capped, family({1}, {2}, {5}), 100);
  REQUIRE(below >= 3);
}

// Without positions the exact length is known from eras.
TEST_CASE("majorants bracket the exact length that eras find, and few bits only widen the bracket") {
  RandomModel m = small(PositionKind::none);
  m.layers = 1;
  const Model model = synthetic_model(m);
  const Family f = family({1}, {2}, {});
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableLimits limits;
  SilentProgress silent;
  const InevitableAnswer exact = by_eras({model, f, Place::final, asked, limits}, silent), answer = ask(model, f);
  InevitableLimits few;
  std::size_t open = 0;
  few.max_bits = 20, few.attempts = 1;
  const InevitableAnswer coarse = ask(model, f, few);
  for (std::size_t r = 0; r < asked.size(); ++r) {
    REQUIRE(exact.rows[r].answer.status == Status::exact);
    const Length star(exact.rows[r].answer.lower);
    INFO("row " << r << ": " << star << " upper end " << answer.rows[r].answer.upper.value_or("none"));
    REQUIRE(Length(answer.rows[r].answer.lower) <= star);
    REQUIRE(Length(*answer.rows[r].answer.upper) >= star);
    // Bitwise collapse is decided by the deviation and tolerance by the step, so that the bracket is within a constant.
    if (asked[r].criterion != Criterion::argmax) REQUIRE(Length(*answer.rows[r].answer.upper) <= 30 * star + 400);
    REQUIRE(answer.rows[r].theorem == (asked[r].criterion == Criterion::tolerance ? "inevitable_by_steps" : "inevitable_by_majorant"));
    REQUIRE(Length(coarse.rows[r].answer.lower) <= star);
    if (coarse.rows[r].answer.upper) REQUIRE(Length(*coarse.rows[r].answer.upper) >= star);
    else ++open;
  }
  REQUIRE(open >= 1);
}

TEST_CASE("majorants: appending the run token to the prefix leaves room for lengths lower by one, and few bits prove nothing false") {
  std::size_t tested = 0;
  testing::Shortfall shortfall;
  const auto check = [&](RandomModel m, const std::vector<Token>& suffix) {
    m.layers = 1;
    const Model model = synthetic_model(m);
    const InevitableAnswer answer = ask(model, family({1}, {2}, suffix));
    tested += testing::may_be_lowered_by_one(answer, ask(model, family({1, 2}, {2}, suffix)));
    for (const long bits : {16, 40}) {
      InevitableLimits few;
      few.max_bits = bits, few.attempts = 1;
      testing::check_short_of(shortfall, answer, ask(model, family({1}, {2}, suffix), few), bits);
    }
  };
  check(small(PositionKind::rope), {});
  check(small(PositionKind::none), {5});
  REQUIRE(tested >= 2 * 10);
  REQUIRE(shortfall.open >= 2 * 2 * 10);
}

TEST_CASE("what majorants refuse, by name") {
  const auto refused = [](const RandomModel& m, const Family& f) {
    const Model model = synthetic_model(m);
    const std::vector<InevitableQuestion> asked = questions();
    const InevitableLimits limits;
    return majorant_refuses({model, f, Place::final, asked, limits}).value_or("");
  };
  const Family run = family({1}, {2}, {});
  REQUIRE(refused(small(PositionKind::alibi), run) == "ALiBi without a window");
  REQUIRE(refused(small(PositionKind::sinusoidal), run) == "absolute positions: the sequences have no limit");
  REQUIRE(refused(small(PositionKind::rope), family({1}, {2, 3}, {})).find("a unit of several tokens turned by rotary positions") == 0);
  Family delimited = run;
  delimited.delimiter = Delimiter{3, {5}};
  REQUIRE(refused(small(PositionKind::none), delimited) == "delimiters between groups");
  RandomModel wide = small(PositionKind::none);
  wide.window = 5000;
  REQUIRE(refused(wide, run).empty());
  REQUIRE(!refused(wide, family({1}, {2}, {3})).empty());
}
