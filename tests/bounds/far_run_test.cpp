// Two layers under RoPE: single far vectors against the evaluation of all tokens, and the distinct pairs found with them.
#include "bounds/far_run.hpp"

#include "bounds/distance.hpp"
#include "bounds/inevitable_by_far_pairs.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 128;

RandomModel two_layers() {
  RandomModel m = small(PositionKind::rope);
  m.layers = 2;
  return m;
}

// The vectors at n = 1, ..., count, by all tokens.
Evaluation direct(const Model& model, Family family, Place place, std::int64_t count) {
  SilentProgress silent;
  family.from = 1, family.to = count - 1;
  return evaluate(model, family_block(family), place, true, bits, silent);
}

void check_vectors(const Model& model, const Family& family, Place place) {
  constexpr std::int64_t count = 300;
  SilentProgress silent;
  FarRun run(model, family, place, true, count, bits, FarRun::Keep::balls, silent);
  const Evaluation expected = direct(model, family, place, count);
  // In two blocks: what was asked for before does not change what is seen later.
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{1, 2, 3, 7, 64, 299, 300}, std::vector<std::int64_t>{1, 50, 300}}) {
    const RotaryLengths::Vectors found = run.at(lengths);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const auto n = static_cast<std::size_t>(lengths[i]);
      const std::size_t e = n < static_cast<std::size_t>(count) ? expected.first[n - 1] : expected.second[n - 2];
      INFO("n = " << n);
      CHECK(found.next_tokens[i] == expected.next_tokens[e]);
      // Both enclose the same vector: no coordinate may be proved apart, and both are sharp.
      const Enclosure apart = distance(Metric::linf, found.vectors[i], expected.vectors[e], bits + 32);
      CHECK(mpfr_sgn(apart.lower.get()) == 0);
      CHECK(mpfr_cmp_d(apart.upper.get(), 0x1p-80) < 0);
    }
  }
}

}  // namespace

TEST_CASE("Two layers under RoPE: far vectors are those of all tokens") {
  RandomModel m = two_layers();
  check_vectors(synthetic_model(m), run_after({1}), Place::final);
  check_vectors(synthetic_model(m), run_after({1, 4, 3}), Place::hidden);
  m.kv_heads = 1, m.gain = 2;
  check_vectors(synthetic_model(m), run_after({3, 1}), Place::final);
}

// In doubles, at counts of tokens around whole lanes, tiles and blocks of them: what balls say lies inside, and little else does.
TEST_CASE("Two layers under RoPE: far vectors in doubles enclose those in balls") {
  SilentProgress silent;
  RandomModel m = two_layers();
  const auto check = [&](const std::vector<Token>& prefix, std::int64_t count, const std::vector<std::int64_t>& lengths) {
    const Model model = synthetic_model(m);
    FarRun run(model, run_after(prefix), Place::final, false, count, bits, FarRun::Keep::balls, silent);
    const RotaryLengths::Vectors found = run.near(lengths), expected = run.at(lengths);
    for (std::size_t i = 0; i < lengths.size(); ++i)
      for (std::size_t e = 0; e < found.vectors[i].size(); ++e) {
        INFO("n = " << lengths[i] << ", coordinate " << e);
        const Enclosure &wide = found.vectors[i][e], &sharp = expected.vectors[i][e];
        CHECK(mpfr_lessequal_p(wide.lower.get(), sharp.lower.get()));
        CHECK(mpfr_lessequal_p(sharp.upper.get(), wide.upper.get()));
        CHECK(mpfr_get_d(wide.upper.get(), MPFR_RNDU) - mpfr_get_d(wide.lower.get(), MPFR_RNDD) < 0x1p-28);
      }
  };
  check({1}, 4200, {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 100, 4094, 4095, 4096, 4097, 4111, 4112, 4113, 4200});
  m.kv_heads = 1, m.gain = 2;
  check({3, 1}, 300, {1, 14, 15, 16, 17, 50, 299, 300});
}

TEST_CASE("Two layers under RoPE: vectors in doubles need the run") {
  SilentProgress silent;
  const Model model = synthetic_model(two_layers());
  FarRun run(model, run_after({1}), Place::final, false, 20, bits, FarRun::Keep::doubles, silent);
  CHECK_NOTHROW(run.near({20}));
  CHECK_THROWS_AS(run.near({22}), std::logic_error);
  CHECK_THROWS_AS(run.at({20}), std::logic_error);
}

TEST_CASE("Two layers under RoPE: a lower end follows a pair that is distinct") {
  const Model model = synthetic_model(two_layers());
  const Family family = run_after({1, 4});
  const std::vector<InevitableQuestion> asked = questions();
  InevitableLimits limits;
  limits.max_tokens = 1500;  // few far tokens, so that all of them can be evaluated here
  const InevitableTask task{model, family, Place::final, asked, limits};
  REQUIRE(!far_pairs_refuse(task));
  SilentProgress silent;
  const InevitableAnswer answer = by_far_pairs(task, silent);
  REQUIRE(answer.rows.size() == asked.size());
  const std::int64_t count = 600;
  const Evaluation all = direct(model, family, Place::final, count);
  std::size_t found = 0;
  for (std::size_t r = 0; r < asked.size(); ++r) {
    const auto lower = static_cast<std::int64_t>(Length(answer.rows[r].answer.lower));
    CHECK(!answer.rows[r].answer.upper);
    const auto verdict = [&](std::int64_t n) {
      const std::size_t a = all.first[static_cast<std::size_t>(n - 1)], b = all.second[static_cast<std::size_t>(n - 1)];
      return judge(asked[r], all.vectors[a], all.vectors[b], all.next_tokens[a], all.next_tokens[b], bits + 32);
    };
    INFO("row " << r << ", lower end " << lower);
    REQUIRE(lower < count);
    if (lower == 1) continue;
    ++found;
    CHECK(verdict(lower - 1) == Verdict::distinct);
  }
  CHECK(found >= 5);
}

TEST_CASE("Far pairs refuse what they do not know") {
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableLimits limits;
  const auto refused = [&](const RandomModel& m, const Family& family) {
    const Model model = synthetic_model(m);
    return far_pairs_refuse({model, family, Place::final, asked, limits}).has_value();
  };
  RandomModel m = two_layers();
  CHECK_FALSE(refused(m, run_after({1})));
  CHECK(refused(m, run_after({})));
  Family suffix = run_after({1}), unit = run_after({1});
  suffix.suffix = {3}, unit.unit = {2, 3};
  CHECK(refused(m, suffix));
  CHECK(refused(m, unit));
  m.layers = 3;
  CHECK(refused(m, run_after({1})));
  m.layers = 2, m.softcap = 3;
  CHECK(refused(m, run_after({1})));
  m = two_layers(), m.position = PositionKind::none;
  CHECK(refused(m, run_after({1})));
}
