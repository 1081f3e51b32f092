// Random small decoders over the whole space of synthetic models, each read in four worlds: balls, intervals, Euclidean balls, and the reals at a much higher
// precision. Every coordinate after every layer must be contained in the three enclosures, which must overlap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/difference.hpp"
#include "lib/world/euclidean.hpp"
#include "lib/world/scalar.hpp"
#include "tests/world/differences.hpp"
#include "tests/world/enclosing.hpp"

namespace snellen::testing {

struct RandomModelTally {
  std::size_t models = 0;                       // evaluated
  std::size_t coordinates = 0;                  // looked at: a coordinate of a token after a layer, in one of the three enclosing worlds
  std::size_t tested = 0;                       // finite, with at least 30 accurate bits, and containing the real value
  std::size_t differences = 0;                  // coordinates of differences that are finite, with at least 30 accurate bits
  std::size_t undecided = 0;                    // of fewer bits or not finite: they contain the real value too, but that says little
  std::map<std::string, std::size_t> features;  // how many models had each
  std::vector<std::string> failures;            // what, where, and the model
};

class RandomModels {
 public:
  explicit RandomModels(std::uint64_t seed) : random_(seed) {}

  void run(std::size_t count) {
    while (tally_.models < count && tally_.failures.size() < 20) {
      const RandomModel description = draw();
      if (problem_of(description)) continue;
      note(description);
      evaluate(description);
    }
  }
  const RandomModelTally& tally() const { return tally_; }

 private:
  static constexpr long real_bits = 2048, oracle_bits = 768;

  bool once_in(std::uint64_t n) { return random_.below(n) == 0; }
  template <class Value>
  Value one_of(std::initializer_list<Value> values) { return values.begin()[random_.below(values.size())]; }

  RandomModel draw() {
    RandomModel m;
    m.seed = random_.next();
    m.layers = 1 + random_.below(3);
    m.heads = one_of<std::size_t>({1, 1, 2, 3, 4, 6});
    m.kv_heads = one_of<std::size_t>({0, 1, 2, 3});
    m.head_size = one_of<std::size_t>({0, 1, 2, 3, 4, 6});
    m.width = one_of<std::size_t>({1, 2, 4, 6, 8, 12});
    m.hidden = one_of<std::size_t>({0, 1, 5, 8, 13});
    m.vocab = 1 + random_.below(9);
    m.position = one_of({PositionKind::rope, PositionKind::rope, PositionKind::alibi, PositionKind::none, PositionKind::sinusoidal, PositionKind::learned});
    m.context = 16;
    m.rope_base = one_of({10000.0, 500000.0, 2.0, 1.5, 0.25, 1e30});
    m.rotary_dimensions = one_of<std::size_t>({0, 0, 2, 4});
    m.norm = one_of({NormKind::rms, NormKind::layer});
    m.epsilon = one_of({1e-5, 1e-6, 1e-12, 1.0, 1e-300});
    m.pre_norm = !once_in(5);
    m.post_norms = once_in(3);
    m.qk_norm = once_in(3);
    m.unit_offset = once_in(3);
    m.activation = one_of({Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::relu, Activation::identity});
    m.gated = once_in(2);
    m.bias = once_in(2);
    m.tied = once_in(2);
    m.embedding_scale = once_in(3);
    if (once_in(3)) m.window = 1 + random_.below(4);
    if (m.window && once_in(2)) m.global_every = 1 + random_.below(3);
    if (once_in(3)) m.softcap = one_of({0.5, 5.0, 50.0});
    if (once_in(4)) m.final_softcap = 10;
    m.identity = once_in(8);
    if (m.identity) m.head_size = 0, m.kv_heads = 0, m.bias = false;
    m.gain = one_of({1.0, 2.0, 2.0, 8.0, 1.0 / 256, 64.0, 256.0});
    m.one_hot = once_in(6);
    m.unscaled = once_in(5);
    return m;
  }

  void note(const RandomModel& m) {
    const auto count = [&](bool has, const char* name) { tally_.features[name] += has; };
    count(m.position == PositionKind::rope, "rope"), count(m.position == PositionKind::alibi, "alibi"), count(m.position == PositionKind::none, "no positions");
    count(m.position == PositionKind::sinusoidal, "sinusoidal"), count(m.position == PositionKind::learned, "learned");
    count(m.kv_heads > 0 && m.kv_heads < m.heads, "grouped queries"), count(m.window.has_value(), "window"), count(m.global_every > 1, "mixed windows");
    count(m.softcap.has_value(), "softcap"), count(m.qk_norm, "query and key norms"), count(m.post_norms, "post norms"), count(!m.pre_norm, "no pre-norms");
    count(m.norm == NormKind::layer, "layer norm"), count(m.norm == NormKind::rms, "rms norm"), count(m.unit_offset, "unit offset"), count(m.bias, "biases");
    count(m.hidden == 0, "no MLP"), count(m.hidden > 0 && m.gated, "gated MLP"), count(m.hidden > 0 && !m.gated, "plain MLP"), count(m.identity, "identity maps");
    count(m.activation == Activation::silu, "silu"), count(m.activation == Activation::gelu_exact, "gelu"), count(m.activation == Activation::gelu_tanh, "tanh gelu");
    count(m.activation == Activation::relu, "relu"), count(m.activation == Activation::identity, "identity activation"), count(m.gain >= 64, "sharp attention");
    count(m.position == PositionKind::rope && m.rotary_dimensions > 0 && m.rotary_dimensions < m.head_size, "partial rotary"), count(m.one_hot, "one-hot");
    count(m.embedding_scale, "embedding scale"), count(m.unscaled, "unscaled scores");
  }

  std::vector<Token> tokens(std::size_t count, std::size_t vocabulary) {
    std::vector<Token> result(count);
    for (Token& token : result) token = static_cast<Token>(random_.below(vocabulary));
    return result;
  }

  template <World W>
  static std::vector<typename W::Block> layers(const Model& model, const W& world, const std::vector<Column>& columns) {
    const Decoder<W> decoder(model, world);
    std::vector<typename W::Block> all;
    typename Decoder<W>::Memory memory;
    const auto last = decoder.hidden(columns, memory, [&](std::size_t, const typename W::Block& x) { all.push_back(x); });
    all.push_back(decoder.final(last));
    return all;
  }

  void evaluate(const RandomModel& description) {
    const Model model = synthetic_model(description);
    const std::size_t length = 1 + random_.below(7);
    SequenceTree tree(tokens(length, model.vocabulary));
    for (std::uint64_t branches = random_.below(3); branches > 0; --branches) tree.add(random_.below(length + 1), tokens(1 + random_.below(3), model.vocabulary));
    const std::vector<Column>& columns = tree.columns();
    const long bits = one_of<long>({64, 96, 128, 192, 320});
    const BallWorld ball(bits);
    const IntervalWorld interval(one_of<long>({64, 128, 192}));
    const EuclideanWorld euclidean(bits);
    const RealWorld real(real_bits);
    const auto in_balls = layers(model, ball, columns);
    const auto in_intervals = layers(model, interval, columns);
    const auto in_euclidean = layers(model, euclidean, columns);
    const auto in_reals = layers(model, real, columns);
    for (std::size_t l = 0; l < in_reals.size(); ++l) {
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const std::vector<Enclosure> each[] = {ball.enclosures(in_balls[l], c), interval.enclosures(in_intervals[l], c), euclidean.enclosures(in_euclidean[l], c)};
        for (std::size_t w = 0; w < 3; ++w) check(description, real, in_reals[l], each, w, l, c);
      }
    }
    check_differences(description, model, columns, bits);
    ++tally_.models;
  }

  void check_differences(const RandomModel& description, const Model& model, const std::vector<Column>& columns, long bits) {
    SplitMix64 random(description.seed);  // its own: which models are drawn does not depend on what is asked of them
    const DifferenceWorld world(bits, random_counterparts(random, columns.size()));
    const IntervalWorld oracle(oracle_bits);
    const auto found = layers(model, world, columns);
    const auto exact = layers(model, oracle, columns);
    for (std::size_t l = 0; l < found.size(); ++l) {
      const ColumnPairs& pairs = *found[l].pairs;
      for (std::size_t p = 0; p < pairs.first.size(); ++p) {
        const auto d = world.balls().enclosures(found[l].d, p), a = oracle.enclosures(exact[l], pairs.first[p]), b = oracle.enclosures(exact[l], pairs.second[p]);
        const double accurate = accurate_bits_of(d);
        for (std::size_t i = 0; i < d.size(); ++i) {
          if (!d[i].is_finite() || !a[i].is_finite() || !b[i].is_finite()) continue;
          if (accurate >= 30) ++tally_.differences;
          if (overlap(d[i], difference_of(a[i], b[i]))) continue;
          tally_.failures.push_back("difference does not overlap the intervals' at layer " + std::to_string(l) + " pair " + std::to_string(p) + " entry " + std::to_string(i) +
                                    " of " + describe(description));
        }
      }
    }
  }

  void check(const RandomModel& description, const RealWorld& real, const RealWorld::Block& x, const std::vector<Enclosure> (&each)[3], std::size_t w, std::size_t l,
             std::size_t c) {
    static constexpr const char* names[] = {"ball", "interval", "euclidean"};
    double scale = 0;
    for (const Enclosure& e : each[w]) scale = std::max(scale, e.is_finite() ? magnitude(e) : 0);
    for (std::size_t i = 0; i < each[w].size(); ++i) {
      const Enclosure& e = each[w][i];
      ++tally_.coordinates;
      const auto fail = [&](const char* what) {
        tally_.failures.push_back(std::string(names[w]) + " " + what + " at layer " + std::to_string(l) + " column " + std::to_string(c) + " entry " + std::to_string(i) +
                                  " of " + describe(description));
      };
      if (!e.is_finite()) {
        ++tally_.undecided;
        continue;
      }
      if (!contains(e, Dyadic::of(real.entry(x, i, c).backend().data()))) fail("does not contain the real value");
      const Enclosure& other = each[(w + 1) % 3][i];
      if (other.is_finite() && !overlap(e, other)) fail("does not overlap the next world's");
      ++(accurate_bits(e, scale) >= 30 ? tally_.tested : tally_.undecided);
    }
  }

  SplitMix64 random_;
  RandomModelTally tally_;
};

}  // namespace snellen::testing
