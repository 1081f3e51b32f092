// Validation of engines: true ones never fail, in any order of summation; planted bugs fail at their own operation.
#include "bounds/validation/validate.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "bounds/validation/compare.hpp"
#include "bounds/validation/growth.hpp"
#include "bounds/validation/infer.hpp"
#include "bounds/validation/probe.hpp"
#include "tests/bounds/emulated_dump.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"

namespace {

using namespace snellen;
using namespace snellen::testing;

std::vector<Token> some_tokens(const Model& model, std::size_t count) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(static_cast<Token>((i * i + 3 * i + 1) % model.vocabulary));
  return tokens;
}

Validation validated(const Model& model, std::span<const Column> columns, const std::vector<NamedArray>& arrays, const EngineProfile& profile) {
  SilentProgress progress;
  return validate(model, columns, dump_of(arrays), profile, progress);
}

// The emulated engine with the order of its sums left open, and all that goes with that.
EngineProfile any_order(const Profile& profile) {
  EngineProfile e = engine_profile(profile);
  e.order = SumOrder::any;
  e.bias = BiasIn::any;
  return e;
}

TEST_CASE("an emulated engine passes under its own profile, its linear maps known bit for bit") {
  std::size_t checked = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    const SequenceTree sequence(some_tokens(model, 7));
    for (const char* name : {"fp32", "bf16-acc32", "bf16", "fp16-acc32", "fp64"}) {
      INFO(specimen.name << ", " << name);
      const Profile profile = *find_profile(name);
      const Validation v = validated(model, sequence.columns(), emulated_dump(model, sequence.columns(), profile), engine_profile(profile));
      const OperationVerdict* failed = v.first_failure();
      INFO((failed ? failed->operation.name : "none"));
      CHECK(failed == nullptr);
      for (const OperationVerdict& o : v.operations) {
        if (o.operation.kind != OperationKind::linear) continue;
        CHECK(o.determined == o.entries);
        ++checked;
      }
    }
  }
  CHECK(checked >= 17 * 5 * 10);
}

TEST_CASE("any order of summation is inside the envelope of any order") {
  std::size_t operations = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    const SequenceTree sequence(some_tokens(model, 6));
    for (const char* name : {"fp32", "bf16-acc32", "bf16", "fp16-acc32"}) {
      INFO(specimen.name << ", " << name);
      const Profile profile = *find_profile(name);
      const Validation v = validated(model, sequence.columns(), emulated_dump(model, sequence.columns(), profile, true), any_order(profile));
      CHECK(v.first_failure() == nullptr);
      operations += v.operations.size();
    }
  }
  CHECK(operations > 1500);
}

struct Bug {
  std::string name, operation;  // where it must be found
  std::function<void(Model&)> plant;
};

TensorPtr changed_entry(const TensorPtr& tensor, std::size_t index, const std::function<double(double)>& change) {
  std::vector<double> values = read_all(*tensor);
  values.at(index) = change(values.at(index));
  return std::make_shared<DenseTensor>(tensor->rows(), tensor->columns(), std::move(values));
}

TensorPtr reordered(const TensorPtr& tensor, const std::function<std::size_t(std::size_t)>& row) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < tensor->rows(); ++i) rows.push_back(row(i));
  return std::make_shared<RowsOfTensor>(tensor, rows);
}

std::vector<Bug> bugs() {
  return {
      {"a wrong RoPE base", "layer.0.query_rotated", [](Model& m) { for (Layer& l : m.layers) l.attention.rotary->base = 500; }},
      {"a wrong RoPE base in layer 1", "layer.1.query_rotated", [](Model& m) { m.layers[1].attention.rotary->base = 20000; }},
      {"scores without their scale", "layer.1.mix", [](Model& m) { m.layers[1].attention.scale = {}; }},
      {"swapped heads", "layer.0.query", [](Model& m) { m.layers[0].query.weight = reordered(m.layers[0].query.weight, [](std::size_t i) { return i ^ 8; }); }},
      {"swapped value groups", "layer.1.value", [](Model& m) { m.layers[1].value.weight = reordered(m.layers[1].value.weight, [](std::size_t i) { return i ^ 8; }); }},
      {"a wrong epsilon", "layer.0.mlp_norm", [](Model& m) { m.layers[0].mlp_norm->epsilon = 1e-2; }},
      {"a dropped bias", "layer.1.up", [](Model& m) { m.layers[1].up->bias = nullptr; }},
      {"an activation for another", "layer.0.activation", [](Model& m) { m.layers[0].activation = Activation::gelu_tanh; }},
      {"a window of one token less", "layer.1.mix", [](Model& m) { m.layers[1].attention.window = 4; }},
      {"one wrong weight", "layer.1.down", [](Model& m) { m.layers[1].down->weight = changed_entry(m.layers[1].down->weight, 77, [](double w) { return w + 0.25; }); }},
      {"a norm left out", "layer.1.mlp_norm", [](Model& m) { m.layers[1].mlp_norm->weight = nullptr; }},
  };
}

Model llama_like() {
  RandomModel description;
  description.seed = 5, description.width = 32, description.heads = 4, description.kv_heads = 2, description.hidden = 48, description.bias = true;
  description.window = 5;
  return synthetic_model(description);
}

TEST_CASE("planted bugs fail at their own operation and nowhere before") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 9));
  std::size_t found = 0;
  for (const char* name : {"fp32", "bf16-acc32", "fp16-acc32"}) {
    const Profile profile = *find_profile(name);
    CHECK(validated(model, sequence.columns(), emulated_dump(model, sequence.columns(), profile, true), any_order(profile)).verdict == Judgement::pass);
    for (const Bug& bug : bugs()) {
      INFO(name << ": " << bug.name);
      Model broken = model;
      bug.plant(broken);
      std::vector<NamedArray> arrays = emulated_dump(broken, sequence.columns(), profile, true);
      const Validation v = validated(model, sequence.columns(), arrays, any_order(profile));
      REQUIRE(v.first_failure());
      CHECK(v.first_failure()->operation.name == bug.operation);
      CHECK(v.verdict == Judgement::fail);
      ++found;
    }
  }
  CHECK(found == 3 * bugs().size());
}

TEST_CASE("one weight that is off by one ulp is proved by replay, in every row of the matrix") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 40));
  const Profile profile = *find_profile("fp32");
  std::size_t caught = 0, tried = 0;
  for (std::size_t row = 0; row < 32; row += 5) {
    Model broken = model;
    broken.layers[0].output.weight = changed_entry(model.layers[0].output.weight, row * 32 + 3, [](double w) { return w * (1 + 0x1p-23); });
    const Validation v = validated(model, sequence.columns(), emulated_dump(broken, sequence.columns(), profile), engine_profile(profile));
    ++tried;
    if (v.first_failure()) {
      CHECK(v.first_failure()->operation.name == "layer.0.attention_output");
      CHECK(v.first_failure()->worst->entry == row);
      ++caught;
    }
  }
  CHECK(tried == 7);
  CHECK(caught >= 5);  // of 12 tokens' sums some hide an ulp of one term
}

TEST_CASE("wrong formats fail where they are used") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 9));
  const Profile right = *find_profile("fp32");
  const Format bf16 = *find_format("bf16");
  const auto first_failure = [&](const std::function<void(Profile&)>& change) {
    Profile wrong = right;
    change(wrong);
    const Validation v = validated(model, sequence.columns(), emulated_dump(model, sequence.columns(), wrong), any_order(right));
    return v.first_failure() ? v.first_failure()->operation.name : std::string("none");
  };
  CHECK(first_failure([](Profile&) {}) == "none");
  CHECK(first_failure([&](Profile& p) { p.function = bf16; }) == "layer.0.activation");
  CHECK(first_failure([&](Profile& p) { p.norm = bf16; }) == "layer.0.attention_norm");
  CHECK(first_failure([&](Profile& p) { p.softmax = bf16; }) == "layer.0.mix");
  CHECK(first_failure([&](Profile& p) { p.probability = bf16; }) == "layer.0.mix");
  CHECK(first_failure([&](Profile& p) { p.rope_table = bf16; }) == "layer.0.query_rotated");
  CHECK(first_failure([&](Profile& p) { p.accumulator = *find_format("fp16"); }) == "layer.0.query");
}

TEST_CASE("NaN is never a pass, and an operation that was not dumped is named beside the next one") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 5));
  const Profile profile = *find_profile("fp32");
  std::vector<NamedArray> arrays = emulated_dump(model, sequence.columns(), profile);
  named(arrays, "layer.1.gate").values[48 + 7] = std::nan("");
  const Validation v = validated(model, sequence.columns(), arrays, any_order(profile));
  REQUIRE(v.first_failure());
  CHECK(v.first_failure()->operation.name == "layer.1.gate");
  CHECK(v.first_failure()->first_token == 1);
  CHECK(v.first_failure()->worst->entry == 7);
  CHECK(std::isnan(v.first_failure()->worst->ulps));

  // Inside the envelope, and yet no number that fp32 has.
  arrays = emulated_dump(model, sequence.columns(), profile);
  named(arrays, "layer.1.gate").values[5] *= 1 + 0x1p-40;
  const Validation off_grid = validated(model, sequence.columns(), arrays, any_order(profile));
  REQUIRE(off_grid.first_failure());
  CHECK(off_grid.first_failure()->outside == 1);
  CHECK(off_grid.first_failure()->worst->entry == 5);

  arrays = emulated_dump(model, sequence.columns(), profile);
  named(arrays, "layer.0.down").values[3] += 1;
  arrays.erase(std::find_if(arrays.begin(), arrays.end(), [](const NamedArray& a) { return a.name == "layer.0.inner"; }));
  const Validation w = validated(model, sequence.columns(), arrays, any_order(profile));
  REQUIRE(w.first_failure());
  CHECK(w.first_failure()->operation.name == "layer.0.down");
  CHECK(w.first_failure()->carried == std::vector<std::string>{"layer.0.inner"});
}

TEST_CASE("an envelope wider than the signal is inconclusive, never a pass") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 5));
  const Profile profile = *find_profile("bf16");  // sums in bf16, any order: n u is close to 1
  std::vector<NamedArray> arrays = emulated_dump(model, sequence.columns(), profile);
  std::erase_if(arrays, [](const NamedArray& a) { return a.name.starts_with("layer"); });  // whole layers at once
  const Validation v = validated(model, sequence.columns(), arrays, any_order(profile));
  CHECK(v.verdict == Judgement::inconclusive);
  const auto last = std::find_if(v.operations.begin(), v.operations.end(), [](const OperationVerdict& o) { return o.operation.name == "hidden.2"; });
  REQUIRE(last != v.operations.end());
  CHECK(last->verdict == Judgement::inconclusive);
  CHECK(last->resolution >= 1);
}

TEST_CASE("what a dump is in place of what it is taken for") {
  const Model model = llama_like();
  const std::vector<Token> tokens = some_tokens(model, 6);
  const SequenceTree sequence(tokens);
  const Profile profile = *find_profile("fp32");
  const std::vector<NamedArray> honest = emulated_dump(model, sequence.columns(), profile);
  const auto found = [&](const std::function<void(std::vector<NamedArray>&)>& change) {
    std::vector<NamedArray> arrays = honest;
    change(arrays);
    const Dump dump = dump_of(arrays);
    std::vector<std::string> kinds;
    for (const Finding& finding : lint(model, sequence.columns(), dump, any_order(profile)).findings) kinds.emplace_back(name_of(finding.kind));
    return kinds;
  };
  const auto has = [](const std::vector<std::string>& kinds, const std::string& kind) { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); };
  CHECK(found([](auto&) {}).empty());
  CHECK(has(found([](auto& a) { for (double& x : named(a, "layer.0.key").values) x = 0; }), "all zeros"));
  CHECK(has(found([](auto& a) { for (double& x : named(a, "layer.0.key").values) x = 3; }), "constant"));
  CHECK(has(found([](auto& a) { named(a, "layer.1.up").values[5] = std::nan(""); }), "NaN"));
  CHECK(has(found([](auto& a) { named(a, "layer.1.up").values[5] = INFINITY; }), "infinity"));
  CHECK(has(found([](auto& a) { named(a, "hidden.2").values = named(a, "hidden.1").values; }), "duplicate"));
  CHECK(has(found([](auto& a) { for (std::size_t i = 32; i < 6 * 32; ++i) named(a, "hidden.1").values[i] = named(a, "hidden.1").values[i % 32]; }), "equal tokens"));
  CHECK(has(found([](auto& a) { for (std::size_t i = 4 * 32; i < 6 * 32; ++i) named(a, "hidden.1").values[i] = 0; }), "padding"));
  CHECK(has(found([](auto& a) { std::swap_ranges(named(a, "hidden.0").values.begin(), named(a, "hidden.0").values.begin() + 32, named(a, "hidden.0").values.begin() + 64); }), "permuted tokens"));
  CHECK(has(found([&](auto& a) {
    std::vector<double> row(32);
    model.embedding->read_row(static_cast<std::size_t>((tokens[0] + 1) % 16), row);
    bool given = false;
    for (const Token token : tokens) given = given || token == (tokens[0] + 1) % 16;
    if (given) model.embedding->read_row(15, row);
    std::copy(row.begin(), row.end(), named(a, "hidden.0").values.begin());
  }), "other tokens"));
  CHECK(has(found([](auto& a) { named(a, "hidden.2").shape[0] = 5, named(a, "hidden.2").values.resize(5 * 32); }), "wrong number of tokens"));
  CHECK(has(found([](auto& a) { named(a, "hidden.1").values[7] = 2e38; }), "little headroom"));
}

TEST_CASE("a failure is explained where a checked hypothesis fits") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 6));
  const Profile profile = *find_profile("fp32");
  const std::vector<NamedArray> honest = emulated_dump(model, sequence.columns(), profile, true);
  const auto hints = [&](const std::function<void(std::vector<NamedArray>&)>& change) {
    std::vector<NamedArray> arrays = honest;
    change(arrays);
    const Validation v = validated(model, sequence.columns(), arrays, any_order(profile));
    std::string all;
    if (v.first_failure())
      for (const std::string& hint : v.first_failure()->hints) all += v.first_failure()->operation.name + ": " + hint + "\n";
    return all;
  };
  using Arrays = std::vector<NamedArray>;
  const auto permuted = [](std::vector<double>& values, std::size_t width, const std::function<std::size_t(std::size_t)>& from) {
    const std::vector<double> old = values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = old[i / width * width + from(i % width)];
  };
  CHECK(hints([&](Arrays& a) { permuted(named(a, "layer.0.query").values, 32, [](std::size_t i) { return i / 8 * 8 + i % 8 / 2 + (i % 2) * 4; }); }).find("layer.0.query: rows are permuted: pairs") == 0);
  CHECK(hints([&](Arrays& a) { permuted(named(a, "layer.1.query").values, 32, [](std::size_t i) { return i ^ 8; }); }).find("layer.1.query: heads are permuted: head 0 has 1's") == 0);
  CHECK(hints([&](Arrays& a) { permuted(named(a, "layer.1.value").values, 16, [](std::size_t i) { return i ^ 8; }); }).find("layer.1.value: heads are permuted") == 0);
  CHECK(hints([&](Arrays& a) {
    std::vector<double>& x = named(a, "layer.0.up").values;
    std::rotate(x.begin(), x.end() - 48, x.end());
  }).find("layer.0.up: every token has the vector of the previous one") == 0);
  CHECK(hints([&](Arrays& a) { for (double& x : named(a, "layer.1.down").values) x *= 4; }).find("layer.1.down: it is about 4 times") == 0);
  CHECK(hints([&](Arrays& a) { named(a, "final").values = named(a, "hidden.2").values; }).find("final: it is the final norm's input") == 0);
  CHECK(hints([&](Arrays& a) { named(a, "hidden.2").values = named(a, "final").values; }).find("hidden.2: it is the final norm's output") == 0);
  CHECK(hints([](Arrays&) {}).empty());
}

TEST_CASE("probes show a single ulp in every weight") {
  Model model = llama_like();
  model.layers[0].down->bias = nullptr;  // a rounded sum with a bias may hide it
  const Profile profile = *find_profile("fp32");
  SilentProgress progress;
  const auto probed = [&](const Model& engine) {
    const RoundedWorld world(profile);
    const std::size_t in = model.layers[0].down->weight->columns();
    RoundedWorld::Block x{in, in, std::vector<double>(in * in)};
    for (std::size_t i = 0; i < in; ++i) x.column(i)[i] = 1;
    const RoundedWorld::Block y = world.linear(*engine.layers[0].down, x);
    return validate_probes(model, dump_of({{"layer.0.inner", {in, in}, x.values}, {"layer.0.down", {in, y.width}, y.values}}), any_order(profile), progress);
  };
  CHECK(probed(model).verdict == Judgement::pass);
  std::size_t caught = 0, tried = 0;
  for (std::size_t index = 0; index < 32 * 48; index += 97) {
    Model broken = model;
    broken.layers[0].down->weight = changed_entry(model.layers[0].down->weight, index, [](double w) { return w == 0 ? 0x1p-149 : w * (1 + 0x1p-23); });
    caught += probed(broken).verdict == Judgement::fail, ++tried;
  }
  CHECK(tried == 16);
  CHECK(caught == tried);
}

TEST_CASE("certified errors contain the engine's, and log-probabilities sum up") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 5));
  SilentProgress progress;
  const Dump narrow = dump_of(emulated_dump(model, sequence.columns(), *find_profile("bf16"))), wide = dump_of(emulated_dump(model, sequence.columns(), *find_profile("fp64")));
  const Dump* dumps[] = {&narrow, &wide};
  const Growth growth = error_growth(model, sequence.columns(), dumps, progress);
  REQUIRE(growth.dumps.size() == 2);
  REQUIRE(growth.dumps[0].size() == 4);  // hidden.0, 1, 2, final
  const DumpedTensor a = narrow.read({OperationKind::norm, "final", "final", std::nullopt, 32}, 5), b = wide.read({OperationKind::norm, "final", "final", std::nullopt, 32}, 5);
  for (std::size_t t = 0; t < 5; ++t) {
    double largest = 0;
    for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(a.values[t * 32 + i] - b.values[t * 32 + i]));
    const CertifiedError &error = growth.dumps[0][3].largest[t], &own = growth.dumps[1][3].largest[t];
    CHECK(own.upper < 1e-12);
    CHECK(error.lower <= largest + own.upper);
    CHECK(error.upper >= largest - own.upper);
    CHECK(error.upper - error.lower < 1e-12);
    CHECK(growth.dumps[0][3].euclidean[t].lower > growth.dumps[1][3].euclidean[t].upper);  // the exact result is closer to fp64, proved
    const TokenLogProbability& p = growth.probabilities[0][t];
    CHECK(p.divergence.lower >= 0);
    CHECK(p.divergence.upper > p.divergence.lower);
    CHECK(p.delta.lower <= p.delta.upper);
    CHECK(growth.probabilities[1][t].divergence.upper < 1e-20);
    CHECK(p.exact.upper < 0);
  }
}

TEST_CASE("the profile of a dump is inferred") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 6));
  SilentProgress progress;
  Profile engine = *find_profile("bf16-acc32");
  engine.softmax = *find_format("bf16");
  const Dump dump = dump_of(emulated_dump(model, sequence.columns(), engine, true));
  const auto ranked = infer_profile(model, sequence.columns(), dump, {any_order(*find_profile("fp16-acc32")), any_order(*find_profile("bf16-acc32"))}, progress);
  REQUIRE(!ranked.empty());
  CHECK(ranked.front().failures == 0);
  CHECK(ranked.front().profile.name == "bf16-acc32");
  CHECK(!ranked.front().change.empty());
  std::size_t as_shipped = 0, with_softmax = 0;
  for (const InferredProfile& one : ranked) {
    as_shipped += one.change.empty() && one.failures > 0;
    with_softmax += one.profile.name == "bf16-acc32" && one.profile.softmax == *find_format("bf16") && one.failures == 0;
  }
  CHECK(as_shipped == 2);
  CHECK(with_softmax > 0);
}

TEST_CASE("runs that differ are compared from where they differ") {
  const Model model = llama_like();
  const SequenceTree sequence(some_tokens(model, 6));
  const Profile profile = *find_profile("fp32");
  SilentProgress progress;
  const Dump one = dump_of(emulated_dump(model, sequence.columns(), profile)), other = dump_of(emulated_dump(model, sequence.columns(), profile, true));
  const Validation a = validate(model, sequence.columns(), one, any_order(profile), progress), b = validate(model, sequence.columns(), other, any_order(profile), progress);
  const Comparison same = compare(model, 6, {&one, &one}, {&a, &a}), different = compare(model, 6, {&one, &other}, {&a, &b});
  CHECK(!same.first);
  REQUIRE(different.first);
  CHECK(different.explained);
  const Spread& first = different.operations[*different.first];
  CHECK(first.operation.kind == OperationKind::linear);  // sums in another order
  REQUIRE(first.allowed);
  CHECK(first.largest <= *first.allowed);

  // What a token does not see is no difference: -infinity for one engine, its lowest number for another.
  std::vector<NamedArray> masked = emulated_dump(model, sequence.columns(), profile);
  const std::size_t heads = 4, tokens = 6;
  masked.push_back({"layer.0.scores", {heads, tokens, tokens}, std::vector<double>(heads * tokens * tokens, 0.5)});
  std::vector<NamedArray> lowest = masked;
  for (std::size_t h = 0; h < heads; ++h)
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t e = t + 1; e < tokens; ++e) {
        masked.back().values[(h * tokens + t) * tokens + e] = -INFINITY;
        lowest.back().values[(h * tokens + t) * tokens + e] = -3e38;
      }
  const Dump infinite = dump_of(masked), finite = dump_of(lowest);
  const Validation c = validate(model, sequence.columns(), infinite, any_order(profile), progress), d = validate(model, sequence.columns(), finite, any_order(profile), progress);
  CHECK(!compare(model, 6, {&infinite, &finite}, {&c, &d}).first);
}

TEST_CASE("names of other people") {
  CHECK(canonical_name("model.layers.11.self_attn.q_proj", {}) == "layer.11.query");
  CHECK(canonical_name("layers.2.feed_forward.w2", {}) == "layer.2.down");
  CHECK(canonical_name("l_out-4", {}) == "hidden.5");
  CHECK(canonical_name("model.layers.0.output", {}) == "hidden.1");
  CHECK(canonical_name("something.else", {}) == std::nullopt);
  CHECK(canonical_name("blk7/attn_q", {name_rule(R"(blk(\d+)/attn_q=layer.$1.query)", "--rename")}) == "layer.7.query");
  CHECK_THROWS_AS(name_rule("no equals", "--rename"), InputError);
  CHECK_THROWS_AS(name_rule("(=x", "--rename"), InputError);
  CHECK(sum_rule("hidden.1=a+b", "--sum").terms == std::vector<std::string>{"a", "b"});
  CHECK_THROWS_AS(sum_rule("hidden.1=a", "--sum"), InputError);
}

}  // namespace
