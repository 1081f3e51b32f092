// Periodic families under ALiBi and windows: exact lengths and `never` against enumeration.
#include "bounds/inevitable_by_period.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"
#include "tests/bounds/period_against_direct.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small_of(std::uint64_t seed, std::size_t layers) {
  RandomModel m;
  m.seed = seed, m.layers = layers, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.position = PositionKind::alibi, m.gain = 0.5;
  return m;
}

Family family_of(std::vector<Token> unit, std::vector<Token> suffix = {}, Pair pair = Pair::next) {
  Family family = run_after({1, 4});
  family.unit = std::move(unit), family.suffix = std::move(suffix), family.pair = pair;
  return family;
}

Agreement check(const RandomModel& m, const Family& family, std::int64_t horizon) {
  const Model model = steep(m);
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(answer.proofs.at(0).theorem == "inevitable_by_kinds");
  return agreement(model, family, answer, horizon);
}

}  // namespace

TEST_CASE("ALiBi, units of several tokens and suffixes: every length is exact and enumeration agrees") {
  std::size_t exact = 0;
  for (const std::uint64_t seed : {3u, 5u})
    for (const std::size_t layers : {1u, 2u})
      for (const Family& family : {family_of({2, 3}), family_of({2, 3, 5}, {6, 7}), family_of({2}, {5})}) {
        const Agreement agreed = check(small_of(seed, layers), family, 220);
        REQUIRE(agreed.never == 0);
        exact += agreed.exact;
      }
  REQUIRE(exact == 2 * 2 * 3 * 15);
}

TEST_CASE("ALiBi, the last token repeated: what differs, differs for ever") {
  std::size_t exact = 0, never = 0;
  for (const std::uint64_t seed : {3u, 5u})
    for (const std::size_t layers : {1u, 2u})
      for (const Family& family : {family_of({2, 3}, {}, Pair::repeat_last), family_of({2, 3, 5}, {6}, Pair::repeat_last)}) {
        const Agreement agreed = check(small_of(seed, layers), family, 150);
        exact += agreed.exact, never += agreed.never;
      }
  REQUIRE(exact + never == 2 * 2 * 2 * 15);
  REQUIRE(never >= 80);
  REQUIRE(exact >= 4);
  // Of a constant run there is one vector more of the same: it collapses, once the prefix has faded.
  const Agreement constant = check(small_of(3, 2), family_of({2}, {}, Pair::repeat_last), 220);
  REQUIRE(constant.exact == 15);
}

TEST_CASE("ALiBi, delimiters: kinds of pairs") {
  std::size_t exact = 0, never = 0;
  for (const Pair pair : {Pair::next, Pair::repeat_last})
    for (const auto& [unit, every] : std::vector<std::pair<std::vector<Token>, std::int64_t>>{{{2}, 3}, {{2, 6}, 4}, {{2}, 1}}) {
      Family family = family_of(unit, {}, pair);
      family.delimiter = Delimiter{every, {5, 7}};
      const Agreement agreed = check(small_of(3, 1), family, 120);
      exact += agreed.exact, never += agreed.never;
    }
  REQUIRE(exact + never == 2 * 3 * 15);
  REQUIRE(never >= 40);
  REQUIRE(exact >= 15);
}

TEST_CASE("ALiBi with windows in some layers") {
  std::size_t exact = 0, never = 0;
  for (const Family& family : {family_of({2}), family_of({2, 3}, {5}), family_of({2, 3}, {}, Pair::repeat_last)}) {
    RandomModel m = small_of(4, 2);
    m.window = 5, m.global_every = 2;
    const Agreement agreed = check(m, family, 150);
    exact += agreed.exact, never += agreed.never;
  }
  REQUIRE(exact + never == 3 * 15);
  REQUIRE(exact >= 30);
  REQUIRE(never >= 8);
}

// Without a prefix all of a constant run's vectors are one: nothing is told apart, at no length.
TEST_CASE("ALiBi, equal tokens: the last token repeated collapses at once") {
  Family family = family_of({2}, {}, Pair::repeat_last);
  family.prefix.clear();
  for (const InevitableRow& row : ask(synthetic_model(small_of(3, 2)), family).rows) {
    REQUIRE(row.answer.status == Status::exact);
    REQUIRE(row.answer.lower == "1");
  }
}

TEST_CASE("ALiBi: appending a unit to the prefix lowers every exact length by one") {
  const Model model = steep(small_of(3, 2));
  Family family = family_of({2, 3}, {5});
  const InevitableAnswer one = ask(model, family);
  family.prefix = {1, 4, 2, 3};
  const InevitableAnswer less = ask(model, family);
  std::size_t tested = 0;
  for (std::size_t r = 0; r < one.rows.size(); ++r)
    if (const Length length(one.rows[r].answer.lower); length > 1) {
      REQUIRE(Length(less.rows[r].answer.lower) == length - 1);
      ++tested;
    }
  REQUIRE(tested >= 10);
}

TEST_CASE("periods: too few bits or tokens prove nothing false") {
  const Model model = steep(small_of(3, 2));
  std::size_t open = 0, exact = 0;
  for (const Family& family : {family_of({2, 3}), family_of({2, 3}, {}, Pair::repeat_last)}) {
    const InevitableAnswer answer = ask(model, family);
    for (const auto& [bits, tokens] : std::vector<std::pair<long, std::size_t>>{{24, 2000}, {40, 2000}, {64, 2000}, {4096, 100}, {4096, 160}}) {
      InevitableLimits limits;
      limits.max_bits = bits, limits.max_tokens = tokens, limits.attempts = 1;
      const InevitableAnswer less = ask(model, family, limits);
      for (std::size_t r = 0; r < answer.rows.size(); ++r) {
        const Inevitable &a = answer.rows[r].answer, &b = less.rows[r].answer;
        if (b.status == Status::never) REQUIRE(a.status == Status::never);
        if (b.upper) REQUIRE((a.upper && Length(*b.upper) >= Length(*a.upper)));
        if (a.upper) REQUIRE(Length(b.lower) <= Length(a.lower));
        if (b.status == Status::exact || b.status == Status::never) ++exact;
        else ++open;
      }
    }
  }
  REQUIRE(open >= 12);
  REQUIRE(exact >= 20);
}

TEST_CASE("periods: what is not supported is refused") {
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableLimits limits;
  const auto refused = [&](const RandomModel& m, const Family& family) {
    const Model model = synthetic_model(m);
    return period_refuses({model, family, Place::final, asked, limits}).has_value();
  };
  const RandomModel m = small_of(3, 1);
  REQUIRE(!refused(m, family_of({2, 3})));
  REQUIRE(refused(m, family_of({2})));  // eras serve it
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::sinusoidal, PositionKind::learned}) {
    RandomModel other = m;
    other.position = position;
    REQUIRE(refused(other, family_of({2, 3})));
  }
  RandomModel capped = m, wide = m;
  capped.softcap = 5, wide.window = 4000;
  REQUIRE(refused(capped, family_of({2, 3})));
  REQUIRE(refused(wide, family_of({2, 3})));
  REQUIRE(refused(m, family_of({2, 3}, std::vector<Token>(63, 5))));
  REQUIRE(!refused(m, family_of({2, 3}, std::vector<Token>(62, 5))));
  Family family = family_of({2});
  family.delimiter = Delimiter{std::int64_t{1} << 50, {5}};
  REQUIRE(refused(m, family));
}
