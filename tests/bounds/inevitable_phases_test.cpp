// Sinusoidal positions: `never` against enumeration, and the hulls against the states that occur.
#include "bounds/inevitable_by_phases.hpp"

#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/phase.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small_of(std::uint64_t seed, std::size_t layers) {
  RandomModel m;
  m.seed = seed, m.layers = layers, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.position = PositionKind::sinusoidal;
  return m;
}

// What attention adds, times 2^exponent.
Model faint(const RandomModel& description, int exponent) {
  Model model = synthetic_model(description);
  for (Layer& layer : model.layers) {
    std::vector<double> values = read_all(*layer.output.weight);
    for (double& value : values) value = std::ldexp(value, exponent);
    layer.output.weight = std::make_shared<DenseTensor>(layer.output.weight->rows(), layer.output.weight->columns(), std::move(values));
  }
  return model;
}

Family family_of(std::vector<Token> unit, std::vector<Token> suffix = {}, Pair pair = Pair::next) {
  Family family = run_after({1, 4});
  family.unit = std::move(unit), family.suffix = std::move(suffix), family.pair = pair;
  return family;
}

}  // namespace

TEST_CASE("sinusoidal positions, a faint attention: pairs come back and stay apart, and enumeration sees them") {
  std::size_t never = 0;
  for (const std::size_t layers : {1u, 2u})
    for (const Family& family : {family_of({2}), family_of({2, 3}), family_of({2}, {5, 6}), family_of({2, 3}, {}, Pair::repeat_last), family_of({2}, {5}, Pair::repeat_last)}) {
      const Model model = faint(small_of(3, layers), -12);
      const InevitableAnswer answer = ask(model, family);
      CertifyRequest request;
      request.family = family;
      request.family.to = 200;
      for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) request.formats.push_back(find_format(name).value());
      request.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
      request.metrics = {Metric::l1, Metric::linf};
      SilentProgress silent;
      const Certification c = certify(model, request, silent);
      const auto asked = questions();
      for (const CollapseRow& row : c.rows)
        for (std::size_t r = 0; r < asked.size(); ++r) {
          if (row.criterion != asked[r].criterion || row.metric != asked[r].metric || (row.format ? row.format->name : "") != (asked[r].format ? asked[r].format->name : "")) continue;
          const InevitableRow& found = answer.rows[r];
          REQUIRE((found.answer.status == Status::never || found.answer.status == Status::unknown));
          if (found.answer.status == Status::unknown) continue;
          REQUIRE(!found.answer.upper);
          REQUIRE(found.theorem == "inevitable_by_phases");
          const std::int64_t n = std::stoll(found.numbers.at("a pair that comes back"));
          REQUIRE(row.verdicts.at(static_cast<std::size_t>(n - 1)) == Verdict::distinct);
          REQUIRE(*row.last_distinct > 150);
          ++never;
        }
    }
  REQUIRE(never >= 100);
}

TEST_CASE("sinusoidal positions: where attention may be anything nothing is proved") {
  for (const std::size_t layers : {2u, 3u}) {
    const InevitableAnswer answer = ask(synthetic_model(small_of(3, layers)), family_of({2}));
    REQUIRE(!answer.unsupported.empty());
    REQUIRE(answer.proofs.empty());
    for (const InevitableRow& row : answer.rows) REQUIRE((row.answer.status == Status::unknown && row.theorem.empty()));
  }
}

// The run's columns hold the state of every run token, at every layer; those of the last tokens hold the last states of their sequences.
TEST_CASE("phases: every state of every run token lies in its hull") {
  std::size_t tested = 0, narrow = 0;
  const auto check = [&](const RandomModel& description, int exponent) {
    const Model model = faint(description, exponent);
    constexpr std::int64_t length = 300;
    Family family = family_of({2, 3});
    const std::vector<Token> tokens = family.sequence(length);
    const std::size_t prefix = family.prefix.size();
    // Prefix, tokens 2 and 3 anywhere, and the last tokens of S_20.
    std::vector<Column> columns{{1, 0, 0, 0}, {4, 1, 0, 0}, {2, PhaseWorld::any_position, 0, 0}, {3, PhaseWorld::any_position, 0, 0}, {3, 41, 0, 4}};
    const PhaseWorld world(128, prefix, 2, shifted(Magnitude::of(1UL), -64));
    const BallWorld balls(256);
    std::vector<PhaseBlock> hulls;
    std::vector<BallMatrix> states;
    Decoder<PhaseWorld>::Memory hull_memory;
    Decoder<BallWorld>::Memory memory;
    Decoder<PhaseWorld>(model, world).hidden(columns, hull_memory, [&](std::size_t, const PhaseBlock& x) {
      std::vector<std::size_t> all(columns.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      hulls.push_back(world.select(x, all));
    });
    Decoder<BallWorld>(model, balls).hidden(SequenceTree(tokens).columns(), memory, [&](std::size_t, const BallMatrix& x) { states.push_back(x); });
    REQUIRE(hulls.size() == states.size());
    for (std::size_t l = 0; l < hulls.size(); ++l)
      for (std::size_t i = 0; i < model.width; ++i) {
        INFO("layer " << l << " entry " << i);
        const auto inside = [&](std::size_t column, std::size_t token) {
          REQUIRE(arb_is_finite(hulls[l].x(i, column)));
          REQUIRE(arb_overlaps(hulls[l].x(i, column), states[l](i, token)));
          REQUIRE(arb_rel_accuracy_bits(states[l](i, token)) > 60);
          ++tested;
        };
        for (std::size_t j = 0; j < prefix; ++j) inside(j, j);
        for (std::size_t j = prefix; j < tokens.size(); ++j) inside(tokens[j] == 2 ? 2 : 3, j);
        inside(4, prefix + 39);
        if (mag_cmp_2exp_si(arb_radref(hulls[l].x(i, 4)), -1) < 0) ++narrow;
      }
  };
  check(small_of(3, 2), 0);
  check(small_of(4, 2), -12);
  RandomModel m = small_of(5, 2);
  m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false;
  check(m, -12);
  m.activation = Activation::gelu_tanh, m.softcap = 5, m.post_norms = true, m.kv_heads = 1, m.qk_norm = true, m.seed = 6;
  check(m, -12);
  REQUIRE(tested == 4 * 3 * 8 * 603);
  REQUIRE(narrow >= 40);
}

TEST_CASE("phases: what is not supported is refused") {
  const std::vector<InevitableQuestion> asked = questions();
  const InevitableLimits limits;
  const auto refused = [&](const Model& model, const Family& family) { return phases_refuse({model, family, Place::final, asked, limits}).has_value(); };
  Model model = synthetic_model(small_of(3, 1));
  REQUIRE(!refused(model, family_of({2})));
  REQUIRE(refused(model, family_of({2}, std::vector<Token>(65, 3))));
  model.layers[0].attention.rotary = Rotary{10000, 4};
  REQUIRE(refused(model, family_of({2})));
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi, PositionKind::learned}) {
    RandomModel other = small_of(3, 1);
    other.position = position;
    REQUIRE(refused(synthetic_model(other), family_of({2})));
  }
}
