#include "bounds/engine_run.hpp"

#include <cmath>

#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

RandomModel small() {
  RandomModel m;
  m.seed = 5, m.width = 16, m.hidden = 24, m.vocab = 8;
  return m;
}

Family ones(std::int64_t to) {
  Family family;
  family.prefix = {1}, family.unit = {2}, family.from = 1, family.to = to;
  return family;
}

EngineVectors run(const Model& model, const char* profile, const Family& family) {
  SilentProgress silent;
  return run_engine(model, find_profile(profile).value(), family_block(family), Place::final, true, silent);
}

// Each sequence of the family as a family of its own.
EngineVectors alone(const Model& model, const char* profile, const std::vector<Token>& tokens) {
  Family family;
  family.prefix = std::vector<Token>(tokens.begin(), tokens.end() - 1), family.unit = {tokens.back()}, family.from = family.to = 1;
  family.pair = Pair::repeat_last;
  return run(model, profile, family);
}

}  // namespace

TEST_CASE("one block gives each sequence the bits that it has alone") {
  const Model model = synthetic_model(small());
  std::size_t tested = 0;
  for (const char* profile : {"fp32", "bf16", "bf16-acc32", "fp16-acc32", "fp8-e4m3-acc32-token"}) {
    Family family = ones(6);
    family.suffix = {3, 4};
    const EngineVectors together = run(model, profile, family);
    REQUIRE(together.vectors.size() == 7);
    for (std::int64_t n = 1; n <= 7; ++n) {
      const EngineVectors single = alone(model, profile, family.sequence(n));
      REQUIRE(together.vectors[static_cast<std::size_t>(n - 1)] == single.vectors[0]);
      REQUIRE(together.next_tokens[static_cast<std::size_t>(n - 1)] == single.next_tokens[0]);
      ++tested;
    }
  }
  REQUIRE(tested == 35);
}

TEST_CASE("a profile that couples tokens runs every sequence alone") {
  const Model model = synthetic_model(small());
  const Profile coupled = find_profile("fp8-e4m3-acc32").value();
  REQUIRE(coupled.couples_tokens());
  const EngineVectors runs = run(model, "fp8-e4m3-acc32", ones(6));
  // Sharing would be wrong: in one block of the longest sequence the scales are other ones for some shorter sequence.
  Profile uncoupled = coupled;
  SilentProgress silent;
  std::size_t equal = 0;
  for (std::int64_t n = 1; n <= 7; ++n) {
    const auto columns = SequenceTree(ones(6).sequence(n)).columns();
    FamilyBlock block{columns, {columns.size() - 1}, {columns.size() - 1}};
    equal += run_engine(model, uncoupled, block, Place::final, false, silent).vectors[0] == runs.vectors[static_cast<std::size_t>(n - 1)];
  }
  REQUIRE(equal == 7);
}

TEST_CASE("overflow is reported with where it began") {
  Model model = synthetic_model(small());
  // The second layer's values grow beyond fp16.
  std::vector<double> value = read_all(*model.layers[1].value.weight);
  for (double& w : value) w *= std::ldexp(1, 18);
  model.layers[1].value.weight = std::make_shared<DenseTensor>(model.layers[1].value.weight->rows(), model.layers[1].value.weight->columns(), value);
  const EngineVectors fp16 = run(model, "fp16-acc32", ones(3));
  REQUIRE(fp16.trouble.has_value());
  REQUIRE(fp16.trouble->what == "overflow");
  REQUIRE(fp16.trouble->place.find("layer 2") == 0);
  REQUIRE(fp16.trouble->position == 0);
  REQUIRE(!run(model, "fp32", ones(3)).trouble.has_value());
}

TEST_CASE("what a run showed is summed up, and overflow is no collapse") {
  const auto C = Verdict::collapsed, D = Verdict::distinct, O = Verdict::overflow;
  const Observed seen = summarise_run("p", {C, D, C, D, C, C}, 3);
  REQUIRE((seen.profile == "p" && seen.first_distinct == 4 && seen.last_distinct == 6 && seen.first_collapse == 3 && seen.collapsed_from == 7));
  const Observed over = summarise_run("p", {D, C, O}, 1);
  REQUIRE((over.last_distinct == 1 && over.first_collapse == 2 && !over.collapsed_from));
}

TEST_CASE("observed verdicts read the run as the row's format stores it") {
  EngineVectors vectors;
  vectors.vectors = {{1, 2}, {1 + std::ldexp(1, -9), 2}, {1 + std::ldexp(1, -5), 2}, {1e9, 2}, {NAN, 2}, {INFINITY, 2}};
  Evaluation pairs;
  pairs.first = {0, 0, 0, 3, 0, 5}, pairs.second = {1, 2, 3, 3, 4, 5};
  CollapseRow row;
  row.criterion = Criterion::bitwise, row.format = find_format("bf16");
  const auto verdicts = [&](const char* format) {
    row.format = find_format(format);
    return observed_verdicts(row, vectors, {}, {}, pairs);
  };
  const auto C = Verdict::collapsed, D = Verdict::distinct, O = Verdict::overflow;
  REQUIRE(verdicts("bf16") == std::vector<Verdict>{C, D, D, C, O, O});
  REQUIRE(verdicts("fp32") == std::vector<Verdict>{D, D, D, C, O, O});
  REQUIRE(verdicts("fp16") == std::vector<Verdict>{D, D, O, O, O, O});
  REQUIRE(verdicts("e5m2-saturating") == std::vector<Verdict>{C, C, O, O, O, O});
}
