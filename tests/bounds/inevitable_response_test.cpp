// Upper ends of deep models under RoPE by linear response: against enumeration, against majorants, and what is refused.
#include "bounds/inevitable_by_response.hpp"

#include <algorithm>

#include "bounds/inevitable_by_majorant.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

InevitableLimits few_tokens() {  // 8192 tokens are followed
  InevitableLimits limits;
  limits.max_tokens = 1500;
  return limits;
}

RandomModel deep() {
  RandomModel m = small(PositionKind::rope);
  m.layers = 3;
  return m;
}

}  // namespace

TEST_CASE("ends by linear response hold what enumeration shows") {
  const std::vector<InevitableQuestion> asked = questions();
  const auto check = [&](const RandomModel& m, const std::vector<Token>& prefix, Place place, double worst) {
    const Model model = synthetic_model(m);
    const Family family = run_after(prefix);
    const InevitableLimits limits = few_tokens();
    const InevitableTask task{model, family, place, asked, limits};
    REQUIRE(!response_refuses(task));
    SilentProgress silent;
    const InevitableAnswer answer = by_response(task, silent);
    REQUIRE(answer.limit);
    REQUIRE(answer.limit_sequence == "[2]");
    if (place == Place::final) check_brackets(model, family, asked, answer, 250);
    std::size_t exact = 0;
    for (std::size_t r = 0; r < asked.size(); ++r) {
      INFO("row " << r);
      const InevitableRow& row = answer.rows[r];
      REQUIRE(row.answer.upper);
      CHECK(row.theorem == (asked[r].criterion == Criterion::tolerance ? "inevitable_by_steps" : "inevitable_by_majorant"));
      CHECK(!row.numbers.empty());
      CHECK((row.decided() || !row.open.empty()));
      if (asked[r].criterion == Criterion::tolerance) CHECK(static_cast<double>(Length(*row.answer.upper)) <= worst * static_cast<double>(Length(row.answer.lower)));
      exact += row.decided() ? 1 : 0;
    }
    return exact;
  };
  CHECK(check(deep(), {1}, Place::final, 50) >= 6);
  RandomModel m = deep();
  m.seed = 6, m.layers = 2, m.kv_heads = 1, m.norm = NormKind::layer;
  CHECK(check(m, {1, 3}, Place::hidden, 50) >= 6);
}

TEST_CASE("linear response comes before majorants, and nothing is lost") {
  const Model model = synthetic_model(deep());
  const Family family = run_after({1});
  InevitableQuestion question = bitwise_in("bf16");
  question.criterion = Criterion::tolerance, question.metric = Metric::l1, question.eps = Dyadic::power_of_two(-7);
  const std::vector<InevitableQuestion> asked{question};
  const InevitableLimits limits = few_tokens();
  InevitableLimits fewer;
  fewer.max_tokens = 300;
  const InevitableTask task{model, family, Place::final, asked, limits}, shorter{model, family, Place::final, asked, fewer};
  SilentProgress silent;
  const InevitableAnswer whole = inevitable_lengths(model, family, Place::final, asked, limits, silent), alone = by_response(task, silent), crude = by_majorant(shorter, silent);
  REQUIRE(whole.rows[0].answer.upper);
  REQUIRE(alone.rows[0].answer.upper);
  REQUIRE(crude.rows[0].answer.upper);
  CHECK(*whole.rows[0].answer.upper == *alone.rows[0].answer.upper);
  CHECK(Length(*crude.rows[0].answer.upper) > 4 * Length(*alone.rows[0].answer.upper));
}

TEST_CASE("what linear response refuses") {
  const std::vector<InevitableQuestion> asked{bitwise_in("bf16")};
  const auto refuses = [&](const Model& model, const Family& family, const InevitableLimits& limits = {}) {
    return response_refuses({model, family, Place::final, asked, limits}).value_or("");
  };
  const Family family = run_after({1});
  const auto of = [&](const auto& change) {
    RandomModel m = deep();
    change(m);
    return refuses(synthetic_model(m), family);
  };
  CHECK(of([](RandomModel&) {}).empty());
  CHECK(of([](RandomModel& m) { m.position = PositionKind::none; }) == "a layer without rotary positions");
  CHECK(of([](RandomModel& m) { m.position = PositionKind::alibi; }) == "a layer without rotary positions");
  CHECK(of([](RandomModel& m) { m.position = PositionKind::sinusoidal; }) == "absolute positions: the sequences have no limit");
  CHECK(of([](RandomModel& m) { m.layers = 1; }) == "a single layer");
  CHECK(of([](RandomModel& m) { m.window = 16; }) == "windows");
  CHECK(of([](RandomModel& m) { m.softcap = 20; }) == "soft-caps");
  CHECK(of([](RandomModel& m) { m.qk_norm = true; }) == "norms of queries and keys");
  CHECK(of([](RandomModel& m) { m.post_norms = true; }) == "norms within branches");
  CHECK(of([](RandomModel& m) { m.activation = Activation::relu; }) == "an activation without a Lipschitz derivative");
  const Model model = synthetic_model(deep());
  Model other = model;
  other.layers[1].attention.rotary->base = 5000;
  CHECK(refuses(other, family) == "layers with different frequencies");
  other = model;
  for (Layer& layer : other.layers) layer.attention.alibi = alibi_slopes(2);
  CHECK(refuses(other, family) == "ALiBi");
  other = model;
  other.layers[2].attention.head_size = 5000;
  CHECK(refuses(other, family) == "heads of more than 4096 entries");
  Family changed = family;
  changed.suffix = {3};
  CHECK(refuses(model, changed) == "a suffix");
  changed = family, changed.unit = {2, 3};
  CHECK(refuses(model, changed) == "a unit of several tokens");
  changed = family, changed.prefix.assign(5000, 1);
  CHECK(refuses(model, changed) == "a prefix of more than 4096 tokens");
  InevitableLimits limits;
  limits.max_tokens = 300;
  CHECK(refuses(model, family, limits) == "the budget allows too few tokens of the run");
}
