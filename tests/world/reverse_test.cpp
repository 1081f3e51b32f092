// Reverse mode in balls and forward mode in intervals share neither arithmetic nor a derivative rule: on every model of the zoo their derivatives must overlap, entry
// by entry, with at least 30 accurate bits; and central differences of the real world must lie inside, with their own error.
#include <algorithm>
#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/number/ball_enclosure.hpp"
#include "lib/world/reverse.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// A prompt, a run and two branches: windows, grouped views and shared trunks all occur.
std::vector<Column> columns() {
  SequenceTree tree({1, 2, 2, 3, 2});
  tree.add(3, {5, 6});
  return tree.columns();
}

// y of every column, and the block x(0) that derivatives are taken to.
template <World W>
typename W::Block through(const Model& model, const W& world, typename W::Block x) {
  const Decoder<W> decoder(model, world);
  for (const Layer& layer : model.layers) {
    typename W::Memory past;
    x = decoder.layer(layer, std::move(x), columns(), past);
  }
  return decoder.final(x);
}

// d y_column / d x(0): [direction][column][row].
Cotangents reverse_jacobian(const Model& model, std::size_t column, long bits) {
  Tape tape;
  const ReverseWorld world(bits, tape);
  const auto x = Decoder<ReverseWorld>(model, world).embed(columns());
  const auto input = world.input(*x.value);
  const auto y = through(model, world, input);
  Cotangents seeds{{}, BallMatrix(model.width, model.width)};
  for (std::size_t d = 0; d < model.width; ++d) {
    seeds.slots.push_back({d, column});
    arb_one(seeds.values(d, d));
  }
  return world.pull(y, std::move(seeds), input);
}

}  // namespace

TEST_CASE("reverse mode in balls and forward mode in intervals overlap, entry by entry, on every model") {
  constexpr long bits = 160;
  std::size_t tested = 0, specimen_number = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const std::size_t tokens = columns().size();
    const TangentWorld tangent(bits);
    const DualArithmetic arithmetic(bits);
    const TangentWorld::Block x = Decoder<TangentWorld>(model, tangent).embed(columns());
    std::vector<Cotangents> of_column;
    for (const std::size_t column : {tokens - 3, tokens - 1}) {  // the trunk's last, the branch's last
      of_column.push_back(reverse_jacobian(model, column, bits));
    }
    // Some directions of the input, others in each model, and all outputs of each.
    for (std::size_t c = 0; c < tokens; ++c) {
      const std::size_t k = (7 * c + 3 * specimen_number) % model.width;
      TangentWorld::Block seeded = x;
      arithmetic.seed(seeded(k, c), 1);
      const TangentWorld::Block y = through(model, tangent, seeded);
      for (const Cotangents& reverse : of_column) {
        const std::size_t column = &reverse == &of_column[0] ? tokens - 3 : tokens - 1;
        double scale = 0;
        for (std::size_t s = 0; s < reverse.size(); ++s) scale = std::max(scale, magnitude(enclosure_of(reverse.values(k, s), bits)));
        for (std::size_t d = 0; d < model.width; ++d) {
          INFO("output " << d << " of column " << column << ", input " << k << " of column " << c);
          const Enclosure forward = arithmetic.tangent(tangent.entry(y, d, column));
          const auto slot = std::lower_bound(reverse.slots.begin(), reverse.slots.end(), Slot{d, c});
          const bool held = slot != reverse.slots.end() && *slot == Slot{d, c};
          const Enclosure back = held ? enclosure_of(reverse.values(k, static_cast<std::size_t>(slot - reverse.slots.begin())), bits) : Enclosure{Dyadic(), Dyadic()};
          REQUIRE(overlap(forward, back));
          REQUIRE(accurate_bits(forward, scale) >= 30);
          REQUIRE(accurate_bits(back, scale) >= 30);
          ++tested;
        }
      }
    }
    ++specimen_number;
  }
  REQUIRE(tested >= zoo().size() * 7 * 2 * 16);
}
