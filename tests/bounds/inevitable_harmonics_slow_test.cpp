// Two layers under RoPE, for every n: what the analysis states against every length to 20000, each evaluated by all of its tokens.
#include "bounds/far_run.hpp"
#include "bounds/inevitable_by_harmonics.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 128;
constexpr std::int64_t count = 20'000;

struct Enumerated {
  std::int64_t distinct = 0, undecided = 0;  // the largest n < count whose pair is
};

// Of each question, all pairs below `count`.
std::vector<Enumerated> enumerate(const Model& model, const Family& family, const std::vector<InevitableQuestion>& asked) {
  SilentProgress silent;
  FarRun run(model, family, Place::final, false, count, bits, FarRun::Keep::doubles, silent);
  std::vector<Enumerated> result(asked.size());
  constexpr std::int64_t at_once = 64;
  for (std::int64_t begin = 1; begin < count; begin += at_once) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t n = begin; n <= count && n <= begin + at_once; ++n) lengths.push_back(n);
    const RotaryLengths::Vectors found = run.near(lengths);
    for (std::size_t i = 0; i + 1 < lengths.size(); ++i)
      for (std::size_t r = 0; r < asked.size(); ++r) {
        const Verdict verdict = judge(asked[r], found.vectors[i], found.vectors[i + 1], std::nullopt, std::nullopt, bits + 32);
        if (verdict == Verdict::distinct) result[r].distinct = lengths[i];
        if (verdict == Verdict::undecided) result[r].undecided = lengths[i];
      }
  }
  return result;
}

void check(std::size_t kv_heads, std::size_t exact) {
  RandomModel m = small(PositionKind::rope);
  m.layers = 2, m.kv_heads = kv_heads;
  INFO(describe(m));
  const Model model = synthetic_model(m);
  const Family family = run_after({1});
  std::vector<InevitableQuestion> asked;
  for (const InevitableQuestion& question : questions())
    if (question.criterion != Criterion::argmax) asked.push_back(question);
  SilentProgress silent;
  const InevitableAnswer answer = by_harmonics({model, family, Place::final, asked, InevitableLimits{}}, silent);
  const std::vector<Enumerated> seen = enumerate(model, family, asked);
  std::size_t found = 0;
  for (std::size_t r = 0; r < asked.size(); ++r) {
    const InevitableRow& row = answer.rows[r];
    INFO("row " << r << ": " << row.answer.lower << " to " << row.answer.upper.value_or("?") << "; the last pair below " << count << " that is distinct: " << seen[r].distinct << ", undecided: " << seen[r].undecided);
    if (!row.answer.upper) continue;
    CHECK(Length(std::to_string(seen[r].distinct)) < Length(*row.answer.upper));  // every pair from the upper end on collapses
    if (row.answer.status != Status::exact) continue;
    ++found;
    const std::int64_t last = std::stoll(row.answer.lower) - 1;
    if (last < count) CHECK((seen[r].distinct == last || seen[r].undecided >= last));
  }
  CHECK(found >= exact);
}

}  // namespace

TEST_CASE("Harmonics: every length to 20000 lies within what the analysis states") {
  check(0, 8);
  check(1, 8);
}
