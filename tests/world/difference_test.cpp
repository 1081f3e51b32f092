// The difference world on every model of the zoo against intervals at a much higher precision, which share no arithmetic with it; how many bits it keeps of differences
// that are far below what two balls can show; and differences that are exactly zero.
#include "lib/world/difference.hpp"

#include <set>

#include "lib/model/family.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"
#include "tests/world/differences.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

template <World W>
std::vector<typename W::Block> layers(const Model& model, const W& world, const std::vector<Column>& columns) {
  const Decoder<W> decoder(model, world);
  typename Decoder<W>::Memory memory;
  std::vector<typename W::Block> all;
  const auto last = decoder.hidden(columns, memory, [&](std::size_t, const typename W::Block& x) { all.push_back(x); });
  all.push_back(decoder.final(last));
  return all;
}

std::vector<Enclosure> differences(const DifferenceWorld& world, const DifferenceWorld::Block& x, std::size_t pair) { return world.balls().enclosures(x.d, pair); }

// A prompt, a run and two branches.
std::vector<Column> tree_columns() {
  SequenceTree tree({1, 2, 2, 3, 2, 2});
  tree.add(4, {5, 6});
  tree.add(6, {7});
  return tree.columns();
}

Family run(std::vector<Token> prefix, std::vector<Token> unit, std::vector<Token> suffix, std::int64_t to) {
  Family family;
  family.prefix = std::move(prefix), family.unit = std::move(unit), family.suffix = std::move(suffix), family.to = to;
  return family;
}

std::vector<std::size_t> counterparts_of(const Family& family) {
  const auto result = counterparts(family, family_block(family));
  REQUIRE(result);
  return *result;
}

// How many entries were compared with the oracle.
std::size_t compare(const Model& model, const std::vector<Column>& columns, const std::vector<std::size_t>& counterparts, long bits, long oracle_bits) {
  const DifferenceWorld world(bits, counterparts);
  const IntervalWorld oracle(oracle_bits);
  const auto found = layers(model, world, columns);
  const auto exact = layers(model, oracle, columns);
  REQUIRE(found.size() == exact.size());
  std::size_t tested = 0;
  for (std::size_t l = 0; l < found.size(); ++l) {
    std::vector<std::vector<Enclosure>> vectors;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      vectors.push_back(oracle.enclosures(exact[l], c));
      const auto balls = world.enclosures(found[l], c);
      for (std::size_t i = 0; i < balls.size(); ++i) REQUIRE(overlap(balls[i], vectors[c][i]));
    }
    for (std::size_t p = 0; p < found[l].pairs->first.size(); ++p) {
      const auto d = differences(world, found[l], p);
      for (std::size_t i = 0; i < d.size(); ++i) {
        INFO("layer " << l << " pair " << found[l].pairs->first[p] << " " << found[l].pairs->second[p] << " entry " << i);
        REQUIRE(overlap(d[i], difference_of(vectors[found[l].pairs->first[p]][i], vectors[found[l].pairs->second[p]][i])));
        ++tested;
      }
    }
  }
  return tested;
}

}  // namespace

TEST_CASE("differences between any columns contain the exact ones, on every model") {
  SplitMix64 random(5);
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    for (int trial = 0; trial < 3; ++trial) {
      INFO(specimen.name << ", trial " << trial);
      tested += compare(model, tree_columns(), random_counterparts(random, tree_columns().size()), trial == 0 ? 64 : 128, 512);
    }
  }
  REQUIRE(tested > 17 * 3 * 4 * 16 * 4);
}

TEST_CASE("differences along a run contain the exact ones, on every model") {
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = synthetic_model(specimen.description);
    for (const Family& family : {run({1, 3}, {2}, {}, 9), run({}, {2, 5}, {}, 4), run({4}, {2}, {2, 6, 1}, 6)}) {
      INFO(specimen.name);
      tested += compare(model, family_block(family).columns, counterparts_of(family), 128, 768);
    }
  }
  REQUIRE(tested > 17 * 3 * 4 * 16 * 8);
}

TEST_CASE("differences far below the balls' radii keep their bits") {
  std::size_t tested = 0;
  for (const bool gated : {true, false}) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh, Activation::gelu_exact}) {
      RandomModel description;
      description.seed = 7, description.width = 16, description.hidden = 24, description.vocab = 8, description.position = PositionKind::alibi;
      description.gated = gated, description.activation = activation, description.heads = 1;
      if (!gated) description.norm = NormKind::layer, description.bias = true, description.qk_norm = true, description.softcap = 5, description.post_norms = true;
      Model model = synthetic_model(description);
      for (Layer& layer : model.layers) layer.attention.alibi = {Slope{-1, 1}};  // 2: e^-2n
      const Family family = run({1, 5, 3}, {2}, {}, 100);
      const FamilyBlock block = family_block(family);
      const DifferenceWorld world(128, counterparts_of(family));
      const IntervalWorld oracle(640);
      const auto found = layers(model, world, block.columns).back();
      const auto exact = layers(model, oracle, block.columns).back();
      REQUIRE(found.pairs->first.size() == 100);
      for (std::size_t n = 0; n < 100; n += 3) {
        INFO("n " << n + 1 << " " << describe(description));
        const auto d = differences(world, found, n);
        const auto a = oracle.enclosures(exact, block.first[n]), b = oracle.enclosures(exact, block.second[n]);
        double size = -INFINITY;
        for (std::size_t i = 0; i < d.size(); ++i) {
          REQUIRE(overlap(d[i], difference_of(a[i], b[i])));
          size = std::max(size, log2_magnitude(d[i]));
        }
        REQUIRE(accurate_bits_of(d) >= 40);
        if (size < -200 && size > -400) ++tested;
      }
    }
  }
  REQUIRE(tested >= 6 * 4);
}

TEST_CASE("equal tokens differ by exactly nothing under NoPE, RoPE, ALiBi and windows") {
  for (const Specimen& specimen : zoo()) {
    const PositionKind position = specimen.description.position;
    const bool absolute = position == PositionKind::sinusoidal || position == PositionKind::learned;
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const Family family = run({}, {3}, {}, 10);
    const DifferenceWorld world(64, counterparts_of(family));
    const auto y = layers(model, world, family_block(family).columns).back();
    REQUIRE(y.d.columns() == 10);
    REQUIRE((arb_mat_is_zero(y.d.get()) != 0) == !absolute);
  }
}

TEST_CASE("a run that has left every window differs by exactly nothing") {
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi}) {
    RandomModel description;
    description.width = 16, description.hidden = 24, description.vocab = 8, description.position = position, description.window = 4, description.layers = 3;
    const Model model = synthetic_model(description);
    const Family family = run({1, 5}, {2}, {}, 15);
    const FamilyBlock block = family_block(family);
    const DifferenceWorld world(64, counterparts_of(family));
    const auto y = layers(model, world, block.columns).back();
    for (std::size_t n = 1; n <= 15; ++n) {  // free of the prefix from n = L (w - 1) + 1 = 10 on, whatever the weights, and not before
      bool zero = true;
      for (std::size_t i = 0; i < model.width; ++i) zero = zero && arb_is_zero(y.d(i, n - 1));
      REQUIRE(zero == (n >= 10));
    }
  }
}

TEST_CASE("equal tokens at other distances are weighed anew") {
  for (const PositionKind position : {PositionKind::rope, PositionKind::alibi}) {
    RandomModel description = zoo()[0].description;
    description.position = position, description.window = 3;
    // Columns 0, 1, 2 are the tokens of 4, 3, 5: nothing but their order differs.
    REQUIRE(compare(synthetic_model(description), SequenceTree({1, 2, 4, 2, 1, 4}).columns(), {4, 3, 5, no_column, no_column, no_column}, 128, 512) > 100);
  }
}

TEST_CASE("pairs follow the columns that are chosen") {
  const Model model = synthetic_model(zoo()[0].description);
  const DifferenceWorld world(128, {0, 2, 3, no_column});
  const std::vector<Column> columns = SequenceTree({1, 2, 3, 4}).columns();
  const auto x = world.embed(model.embedding, columns);
  REQUIRE(x.pairs->first == std::vector<std::size_t>{1, 2});
  const std::vector<std::size_t> chosen{3, 2};
  const auto y = world.select(x, chosen);
  REQUIRE(y.pairs->first == std::vector<std::size_t>{1});
  REQUIRE(y.pairs->second == std::vector<std::size_t>{0});
  for (std::size_t i = 0; i < model.width; ++i) REQUIRE(arb_equal(y.d(i, 0), x.d(i, 1)));
}

TEST_CASE("a column is the counterpart of one other, and blocks come whole") {
  REQUIRE_THROWS_AS(DifferenceWorld(64, {1, 1}), std::invalid_argument);
  REQUIRE_THROWS_AS(DifferenceWorld(64, {2, 1}), std::invalid_argument);
  const Model model = synthetic_model(zoo()[0].description);
  const DifferenceWorld world(64, next_columns(3));
  const std::vector<Column> columns = SequenceTree({1, 2}).columns();
  REQUIRE_THROWS_AS(world.embed(model.embedding, columns), std::logic_error);
}
