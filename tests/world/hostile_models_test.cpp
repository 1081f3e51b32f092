// Random small models with extreme weights (2^-100 to 2^100, zeros, subnormals), read with few bits and with many, in both certified worlds. All of
// these are enclosures of one exact number, so any two of them must meet; and none may have its ends the wrong way round.
#include <cmath>
#include <string>
#include <vector>

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// Another tensor of the same shape; most of it as it was, so that something survives the norms.
class Spoiler {
 public:
  explicit Spoiler(std::uint64_t seed) : random_(seed) {}

  TensorPtr operator()(const TensorPtr& tensor) {
    if (!tensor) return tensor;
    std::vector<double> values = read_all(*tensor);
    for (double& value : values) {
      switch (random_.below(12)) {
        case 0: value = 0; break;
        case 1: value = -0.0; break;
        case 2: value = 5e-324; break;
        case 3: value = -0x1p-1040; break;
        case 4: value = std::ldexp(value, static_cast<int>(random_.below(201)) - 100); break;
        case 5: value = std::ldexp(value, 20); break;
        default: break;
      }
    }
    return std::make_shared<DenseTensor>(tensor->rows(), tensor->columns(), std::move(values));
  }
  void operator()(Linear& linear) { linear.weight = (*this)(linear.weight), linear.bias = (*this)(linear.bias); }
  void operator()(std::optional<Linear>& linear) {
    if (linear) (*this)(*linear);
  }
  void operator()(std::optional<Norm>& norm) {
    if (norm) norm->weight = (*this)(norm->weight), norm->bias = (*this)(norm->bias);
  }

 private:
  SplitMix64 random_;
};

Model spoiled(const RandomModel& description, std::uint64_t seed) {
  Model model = synthetic_model(description);
  Spoiler spoil(seed);
  model.embedding = spoil(model.embedding);
  for (Layer& l : model.layers) {
    spoil(l.attention_norm), spoil(l.query), spoil(l.key), spoil(l.value), spoil(l.output), spoil(l.query_norm), spoil(l.key_norm);
    spoil(l.post_attention_norm), spoil(l.mlp_norm), spoil(l.gate), spoil(l.up), spoil(l.down), spoil(l.post_mlp_norm);
  }
  spoil(model.final_norm);
  return model;
}

template <CertifiedWorld W>
std::vector<std::vector<Enclosure>> states(const Model& model, const W& world, const std::vector<Column>& columns) {
  const Decoder<W> decoder(model, world);
  typename Decoder<W>::Memory memory;
  std::vector<std::vector<Enclosure>> result;
  const auto keep = [&](const typename W::Block& x) {
    for (std::size_t c = 0; c < world.tokens(x); ++c) result.push_back(world.enclosures(x, c));
  };
  keep(decoder.final(decoder.hidden(columns, memory, [&](std::size_t, const typename W::Block& x) { keep(x); })));
  return result;
}

}  // namespace

TEST_CASE("enclosures of extreme models at every precision meet, in both worlds") {
  SequenceTree tree({1, 2, 2, 3});
  tree.add(2, {5, 6});
  std::size_t compared = 0, finite = 0, backward = 0, disjoint = 0;
  std::uint64_t seed = 0;
  for (const Specimen& specimen : zoo()) {
    const Model model = spoiled(specimen.description, ++seed);
    std::vector<std::vector<std::vector<Enclosure>>> all;
    for (const long bits : {2L, 11L, 53L, 300L, 900L}) all.push_back(states(model, BallWorld(bits), tree.columns()));
    for (const long bits : {17L, 400L}) all.push_back(states(model, IntervalWorld(bits), tree.columns()));
    INFO(specimen.name << ", seed " << seed);
    for (std::size_t a = 0; a < all.size(); ++a)
      for (std::size_t s = 0; s < all[a].size(); ++s)
        for (std::size_t i = 0; i < all[a][s].size(); ++i) {
          const Enclosure& x = all[a][s][i];
          if (x.is_finite()) ++finite;
          if (!(x.lower <= x.upper)) ++backward;
          for (std::size_t b = 0; b < a; ++b) {
            const Enclosure& y = all[b][s][i];
            ++compared;
            if (!(x.lower <= y.upper && y.lower <= x.upper)) ++disjoint;
          }
        }
    CHECK(backward == 0);
    CHECK(disjoint == 0);
  }
  CHECK(compared > 100'000);
  CHECK(finite > compared / 20);
}
