// RoundedRunsWorld against RoundedWorld: the same bits at every position, in every layer.
#include "lib/world/rounded_runs.hpp"

#include <bit>

#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

struct Specimen {
  std::string name;
  RandomModel description;
};

std::vector<Specimen> specimens() {
  RandomModel base;
  base.width = 16, base.heads = 4, base.hidden = 24, base.vocab = 8, base.position = PositionKind::none;
  std::vector<Specimen> all;
  const auto add = [&](std::string name, auto change) {
    RandomModel description = base;
    description.seed = all.size() + 1;
    change(description);
    all.push_back({std::move(name), description});
  };
  add("nope", [](RandomModel&) {});
  add("three layers, grouped queries, layer norm, biases", [](RandomModel& m) {
    m.layers = 3, m.kv_heads = 2, m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false;
  });
  add("soft-cap, qk norm, post norms, scaled embeddings", [](RandomModel& m) {
    m.softcap = 5, m.qk_norm = true, m.post_norms = true, m.embedding_scale = true, m.activation = Activation::gelu_tanh;
  });
  add("windows", [](RandomModel& m) { m.window = 7; });
  add("a window of one token", [](RandomModel& m) { m.window = 1; });
  add("windows and global layers", [](RandomModel& m) { m.window = 5, m.global_every = 2, m.layers = 4; });
  add("windows under ALiBi", [](RandomModel& m) { m.window = 9, m.position = PositionKind::alibi; });
  add("sharp scores", [](RandomModel& m) { m.gain = 8; });
  add("bare", [](RandomModel& m) { m.identity = true, m.hidden = 0, m.heads = 1; });
  return all;
}

// All formats of attention at once: narrow ones, so that sums and accumulators freeze, overflow and underflow early.
Profile narrow(const char* storage, const char* softmax, const char* accumulator, const char* probability) {
  Profile p = find_profile("bf16").value();
  p.name = std::string(storage) + " " + softmax + " " + accumulator + " " + probability;
  p.storage = p.operand = p.cache = find_format(storage).value();
  p.softmax = find_format(softmax).value(), p.accumulator = find_format(accumulator).value(), p.probability = find_format(probability).value();
  p.norm = p.function = find_format("fp32").value();
  return p;
}

std::vector<Profile> profiles() {
  return {find_profile("bf16").value(),
          narrow("bf16", "p7:-40:40", "p7:-126:127", "bf16"),
          narrow("fp16", "p8:-30:30", "p7:-40:40", "p6:-30:30"),
          narrow("bf16", "p6:-14:15", "p8:-60:60", "e5m2"),
          narrow("e5m2", "p7:-126:127", "p6:-126:127", "e4m3"),
          narrow("e4m3-saturating", "p7:-20:20", "p8:-20:3", "p7:-6:4"),   // the accumulator overflows
          narrow("bf16", "p6:-12:3", "bf16", "bf16")};                      // the sum of exponentials overflows
}

template <World W>
std::vector<typename W::Block> layers_of(const Model& model, const W& world, const std::vector<Column>& columns) {
  const Decoder<W> decoder(model, world);
  typename Decoder<W>::Memory memory;
  std::vector<typename W::Block> layers;
  const typename W::Block last = decoder.hidden(columns, memory, [&](std::size_t, const typename W::Block& x) { layers.push_back(x); });
  layers.push_back(decoder.final(last));
  return layers;
}

bool same_bits(const double* x, const double* y, std::size_t size) {
  return std::equal(x, x + size, y, [](double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); });
}

// Every layer at every position; also that neighbouring runs differ. The number of comparisons.
std::size_t compare(const std::vector<RoundedRunsWorld::Block>& runs, const std::vector<RoundedWorld::Block>& all) {
  std::size_t tested = 0;
  for (std::size_t l = 0; l < all.size(); ++l) {
    REQUIRE(runs[l].starts[0] == 0);
    std::size_t c = 0;
    for (std::size_t i = 0; i < all[l].tokens; ++i, ++tested) {
      const bool begins = c + 1 < runs[l].starts.size() && runs[l].starts[c + 1] == static_cast<std::int64_t>(i);
      if (begins) ++c;
      if (!same_bits(runs[l].values.column(c), all[l].column(i), all[l].width)) FAIL("layer " << l << ", position " << i);
      if (begins && same_bits(all[l].column(i - 1), all[l].column(i), all[l].width)) FAIL("no change in layer " << l << " at position " << i);
    }
  }
  return tested;
}

}  // namespace

TEST_CASE("runs have the bits of the engine's own run at every position") {
  constexpr std::size_t most = 400;  // positions; slower tests go further
  std::size_t tested = 0, settled = 0, not_finite = 0;
  const std::vector<Profile> all_profiles = profiles();
  for (const Specimen& specimen : specimens()) {
    const Model model = synthetic_model(specimen.description);
    for (std::size_t p = 0; p < all_profiles.size(); ++p) {
      // Every profile with every model, and every prefix with the first.
      for (const std::vector<Token>& prefix : {std::vector<Token>{1}, std::vector<Token>{}, std::vector<Token>{3, 5, 5, 1, 2}}) {
        if (prefix.size() != 1 && p > 0) continue;
        if (p == 0 && specimen.description.layers > 2) continue;
        const Profile& profile = all_profiles[p];
        INFO(specimen.name << ", " << profile.name << ", prefix of " << prefix.size());
        std::vector<Token> tokens = prefix;
        tokens.push_back(2);
        const std::vector<RoundedRunsWorld::Block> runs = layers_of(model, RoundedRunsWorld(profile, {}, 0), SequenceTree(tokens).columns());
        std::size_t beyond = 0;  // the last change of any layer
        for (const auto& layer : runs) beyond = std::max(beyond, static_cast<std::size_t>(layer.starts.back()) + 10);
        tokens.resize(std::min(beyond, most), 2);
        const std::vector<RoundedWorld::Block> all = layers_of(model, RoundedWorld(profile), SequenceTree(tokens).columns());
        REQUIRE(runs.size() == all.size());
        tested += compare(runs, all);
        settled += beyond <= most;
        for (const auto& layer : all) not_finite += !std::isfinite(layer.column(tokens.size() - 1)[0]);
      }
    }
  }
  CHECK(tested > 50'000);
  CHECK(settled > 30);
  CHECK(not_finite > 0);
}

TEST_CASE("what positions decide is refused") {
  const RoundedRunsWorld world(find_profile("bf16").value(), {}, 0);
  RandomModel rope;
  const Model model = synthetic_model(rope);
  const Decoder<RoundedRunsWorld> decoder(model, world);
  Decoder<RoundedRunsWorld>::Memory memory;
  CHECK_THROWS_AS(decoder.hidden(SequenceTree({1, 2}).columns(), memory), std::logic_error);
  CHECK_THROWS_AS(RoundedRunsWorld(find_profile("fp8-e4m3-acc32").value(), {}, 0), std::logic_error);
}
