// Whole layers: no engine of the profile leaves its reach in any direction, exact arithmetic's distance is seen, planted bugs are proved from hidden states alone.
#include "bounds/validation/directional.hpp"

#include <cmath>
#include <random>

#include "bounds/validation/validate.hpp"
#include "lib/world/deviation.hpp"
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

EngineProfile any_order(const char* name) {
  EngineProfile e = engine_profile(*find_profile(name));
  e.order = SumOrder::any;
  e.bias = BiasIn::any;
  return e;
}

ImageBlock block_of(const NamedArray& array) {
  ImageBlock x(array.shape[1], array.shape[0]);
  x.lower = x.upper = array.values;
  return x;
}

TEST_CASE("engines with sums in any order stay within their reach, layer by layer") {
  std::size_t finite = 0, all = 0, telling = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    const SequenceTree sequence(some_tokens(model, 6));
    for (const char* name : {"fp32", "bf16-acc32", "fp16-acc32", "fp64"}) {
      INFO(specimen.name << ", " << name);
      std::vector<NamedArray> arrays = emulated_dump(model, sequence.columns(), *find_profile(name), true);
      for (std::size_t l = 0; l < model.layers.size(); ++l) {
        const ImageBlock before = block_of(named(arrays, "hidden." + std::to_string(l))), after = block_of(named(arrays, "hidden." + std::to_string(l + 1)));
        const auto directions = directional(model, l, sequence.columns(), any_order(name), before, after);
        REQUIRE(directions.size() == 6);
        for (const Directional& d : directions) {
          CHECK(d.distance <= d.reach);
          CHECK(!d.proves_failure());
          ++all, finite += std::isfinite(d.reach), telling += d.relative < 1;
          if (std::string(name) == "fp32") CHECK(d.relative < 1e-2);
          if (std::string(name) == "fp64") CHECK(d.relative < 1e-11);
        }
      }
    }
  }
  CHECK(all > 17 * 4 * 6);
  CHECK(finite > all / 2);
  CHECK(telling > all / 2);
}

// Any c, not only the residual's direction: random ones, and single entries.
TEST_CASE("the inequality holds in random directions, and blocks contain engine and exact layer") {
  std::mt19937_64 random(3);
  std::size_t tried = 0;
  double used = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    const SequenceTree sequence(some_tokens(model, 5));
    const Profile engine = *find_profile("fp32");
    std::vector<NamedArray> arrays = emulated_dump(model, sequence.columns(), engine, true);
    const ImageBlock before = block_of(named(arrays, "hidden.0")), after = block_of(named(arrays, "hidden.1"));
    BallMatrix x(before.width, before.tokens);
    for (std::size_t c = 0; c < x.columns(); ++c)
      for (std::size_t r = 0; r < x.rows(); ++r) arb_set_d(x(r, c), before.at(r, c).lower);
    Tape tape;
    const DeviationWorld world(any_order("fp32"), 100, tape);
    DeviationWorld::Memory past;
    const auto input = world.input(x);
    const auto output = Decoder<DeviationWorld>(model, world).layer(model.layers[0], input, sequence.columns(), past);
    const BallWorld balls(200);
    BallWorld::Memory memory;
    const BallMatrix z = Decoder<BallWorld>(model, balls).layer(model.layers[0], x, sequence.columns(), memory);
    Ball y;
    for (std::size_t c = 0; c < x.columns(); ++c) {
      for (std::size_t r = 0; r < x.rows(); ++r) {
        arb_set_d(y, after.at(r, c).lower);
        CHECK(arb_contains((*output.value)(r, c), y));
        CHECK(arb_overlaps((*output.value)(r, c), z(r, c)));
      }
    }
    for (int trial = 0; trial < 20; ++trial) {
      const std::size_t t = random() % x.columns();
      Cotangents dy;
      dy.slots = {{0, t}};
      dy.values = BallMatrix(x.rows(), 1);
      double along = 0;
      for (std::size_t r = 0; r < x.rows(); ++r) {
        const double c = trial % 4 == 0 ? (r == random() % x.rows() ? 1.0 : 0.0) : static_cast<double>(static_cast<int>(random() % 17)) - 8;
        arb_set_d(dy.values(r, 0), c);
        along += c * (after.at(r, t).lower - arf_get_d(arb_midref(z(r, t)), ARF_RND_NEAR));
      }
      const double reach = world.reach(output, dy, input, 1).at(0);
      CHECK(std::fabs(along) <= reach * (1 + 1e-6) + 1e-12);
      if (reach > 0) used = std::max(used, std::fabs(along) / reach);
      ++tried;
    }
  }
  CHECK(tried == 20 * zoo().size());
  CHECK(used > 0.002);  // one run in some directions; the bound is for the worst run in each
}

TEST_CASE("bugs inside a layer are proved from hidden states alone") {
  RandomModel description;
  description.seed = 5, description.width = 32, description.heads = 4, description.kv_heads = 2, description.hidden = 48;
  const Model model = synthetic_model(description);
  const SequenceTree sequence(some_tokens(model, 8));
  SilentProgress progress;
  const auto validated = [&](const Model& engine, const char* name) {
    std::vector<NamedArray> arrays = emulated_dump(engine, sequence.columns(), *find_profile(name), true);
    std::erase_if(arrays, [](const NamedArray& a) { return a.name.starts_with("layer"); });
    return validate(model, sequence.columns(), dump_of(arrays), any_order(name), progress);
  };
  for (const char* name : {"fp32", "fp64"}) {
    INFO(name);
    CHECK(validated(model, name).verdict == Judgement::pass);
    std::size_t by_direction = 0;
    const std::vector<std::pair<const char*, void (*)(Model&)>> bugs = {
        {"epsilon", [](Model& m) { m.layers[1].mlp_norm->epsilon *= 30; }},
        {"RoPE base", [](Model& m) { m.layers[1].attention.rotary->base *= 1.2; }},
        {"scale", [](Model& m) { m.layers[1].attention.scale.radicand *= 1.001; }},
        {"activation", [](Model& m) { m.layers[1].activation = Activation::gelu_tanh; }},
    };
    for (const auto& [bug, plant] : bugs) {
      INFO(bug);
      Model broken = model;
      plant(broken);
      const Validation v = validated(broken, name);
      REQUIRE(v.first_failure());
      CHECK(v.first_failure()->operation.name == "hidden.2");
      CHECK(v.first_failure()->first_token.has_value());
      by_direction += !v.first_failure()->worst.has_value();
    }
    if (std::string(name) == "fp32") CHECK(by_direction > 0);  // seen along the direction only
  }
}

TEST_CASE("nothing is said of profiles whose local errors are not covered") {
  const Model model = synthetic_model(zoo().front().description);
  const SequenceTree sequence(some_tokens(model, 3));
  const ImageBlock x(16, 3);
  EngineProfile profile = any_order("bf16-acc32");
  profile.elided_casts = true;
  CHECK(directional(model, 0, sequence.columns(), profile, x, x).empty());
  profile.elided_casts = false, profile.activation_blocks = ActivationBlocks::ggml;
  CHECK(directional(model, 0, sequence.columns(), profile, x, x).empty());
  Tape tape;
  CHECK_THROWS_AS(DeviationWorld(profile, 64, tape), std::invalid_argument);
}

}  // namespace
