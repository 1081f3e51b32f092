// The same decoder in different worlds: ball and interval share no arithmetic and must overlap on every model of the zoo, the real world at a
// higher precision must lie inside both, and doubling the precision must overlap and shrink.
#include <algorithm>

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"
#include "tests/threads.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// A prompt, a run and two branches: windows, grouped views and shared trunks all occur.
std::vector<Column> columns() {
  SequenceTree tree({1, 2, 2, 3, 2, 2});
  tree.add(4, {5, 6});
  tree.add(6, {7});
  return tree.columns();
}

template <World W>
typename W::Block run(const Model& model, const W& world, std::vector<typename W::Block>* layers = nullptr) {
  const Decoder<W> decoder(model, world);
  typename Decoder<W>::Memory memory;
  return decoder.final(decoder.hidden(columns(), memory, [&](std::size_t, const typename W::Block& x) {
    if (layers) layers->push_back(x);
  }));
}

Dyadic exact(const RealWorld& world, const RealWorld::Block& x, std::size_t i, std::size_t c) {
  return Dyadic::of(world.entry(x, i, c).backend().data());
}

}  // namespace

TEST_CASE("ball and interval overlap on every model, and contain the real world") {
  constexpr long bits = 192;
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const BallWorld ball(bits);
    const IntervalWorld interval(bits);
    const RealWorld real(4 * bits);
    std::vector<BallWorld::Block> ball_layers;
    std::vector<IntervalWorld::Block> interval_layers;
    std::vector<RealWorld::Block> real_layers;
    ball_layers.push_back(run(model, ball, &ball_layers));
    interval_layers.push_back(run(model, interval, &interval_layers));
    real_layers.push_back(run(model, real, &real_layers));
    REQUIRE(ball_layers.size() == model.layers.size() + 2);
    for (std::size_t l = 0; l < ball_layers.size(); ++l)
      for (std::size_t c = 0; c < columns().size(); ++c) {
        const auto a = ball.enclosures(ball_layers[l], c), b = interval.enclosures(interval_layers[l], c);
        double scale = 0;
        for (const Enclosure& e : a) scale = std::max(scale, magnitude(e));
        for (std::size_t i = 0; i < a.size(); ++i) {
          INFO("layer " << l << " column " << c << " entry " << i);
          REQUIRE(overlap(a[i], b[i]));
          REQUIRE(accurate_bits(a[i], scale) >= 30);
          REQUIRE(accurate_bits(b[i], scale) >= 30);
          const Dyadic x = exact(real, real_layers[l], i, c);
          REQUIRE(contains(a[i], x));
          REQUIRE(contains(b[i], x));
          ++tested;
        }
      }
  }
  REQUIRE(tested > 17 * 4 * 9 * 16 - 1);
}

TEST_CASE("doubling the precision overlaps and shrinks") {
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const BallWorld coarse(128), fine(256);
    const IntervalWorld coarse_interval(128), fine_interval(256);
    const auto a = run(model, coarse), b = run(model, fine);
    const auto p = run(model, coarse_interval), q = run(model, fine_interval);
    for (std::size_t c = 0; c < columns().size(); ++c) {
      const auto x = coarse.enclosures(a, c), y = fine.enclosures(b, c);
      const auto u = coarse_interval.enclosures(p, c), v = fine_interval.enclosures(q, c);
      for (std::size_t i = 0; i < x.size(); ++i) {
        REQUIRE(overlap(x[i], y[i]));
        REQUIRE(overlap(u[i], v[i]));
        // 128 bits more are a factor 2^128; 2^100 leaves room for the luck of single roundings.
        REQUIRE(width(y[i]) <= std::ldexp(width(x[i]), -100));
        REQUIRE(width(v[i]) <= std::ldexp(width(u[i]), -100));
        ++tested;
      }
    }
  }
  REQUIRE(tested >= zoo().size() * 9 * 16);
}

TEST_CASE("a branch sees what its own sequence would see") {
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const BallWorld world(160);
    const auto together = run(model, world);
    const std::vector<std::pair<std::vector<Token>, std::size_t>> sequences{
        {{1, 2, 2, 3, 2, 2}, 5}, {{1, 2, 2, 3, 5, 6}, 7}, {{1, 2, 2, 3, 2, 2, 7}, 8}};
    for (const auto& [tokens, column] : sequences) {
      const SequenceTree tree(tokens);
      const Decoder<BallWorld> decoder(model, world);
      Decoder<BallWorld>::Memory memory;
      const auto alone = decoder.final(decoder.hidden(tree.columns(), memory));
      const auto a = world.enclosures(together, column), b = world.enclosures(alone, tokens.size() - 1);
      for (std::size_t i = 0; i < a.size(); ++i) {
        REQUIRE(overlap(a[i], b[i]));
        REQUIRE(width(a[i]) < 1e-20);
        ++tested;
      }
    }
  }
  REQUIRE(tested >= zoo().size() * 3 * 16);
}

TEST_CASE("a block after a block continues the memory") {
  const Model model = synthetic_model(zoo()[0].description);
  const BallWorld world(160);
  const Decoder<BallWorld> decoder(model, world);
  const std::vector<Column> all = SequenceTree({1, 2, 3, 4, 5}).columns();
  Decoder<BallWorld>::Memory whole, parts;
  const auto a = decoder.hidden(all, whole);
  decoder.hidden(std::span(all).first(3), parts);
  const auto b = decoder.hidden(std::span(all).subspan(3), parts);
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < model.width; ++i) {
      REQUIRE(overlap(world.enclosures(a, 3 + c)[i], world.enclosures(b, c)[i]));
      REQUIRE(width(world.enclosures(b, c)[i]) < 1e-20);
    }
}

TEST_CASE("results do not depend on the number of threads") {
  const Model model = synthetic_model(zoo()[12].description);
  const BallWorld world(160);
  const auto with = [&](int count) {
    const Threads threads(count);
    return run(model, world);
  };
  const auto one = with(1), four = with(4);
  for (std::size_t c = 0; c < columns().size(); ++c)
    for (std::size_t i = 0; i < model.width; ++i) REQUIRE(arb_equal(one(i, c), four(i, c)));
}
