// Facts that hold exactly, whatever the weights (proofs/README.md, "Golden facts").
#include "bounds/distance.hpp"
#include "bounds/evaluate.hpp"
#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/ball.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 11, m.width = 16, m.hidden = 24, m.vocab = 8, m.position = position;
  return m;
}

Enclosure pair_distance(const RandomModel& description, const Family& family, std::size_t i, long bits) {
  const Model model = synthetic_model(description);
  SilentProgress silent;
  const Evaluation e = evaluate(model, family_block(family), Place::final, false, bits, silent);
  return distance(Metric::l1, e.vectors[e.first[i]], e.vectors[e.second[i]], bits);
}

Family all_equal() {
  Family family;
  family.unit = {3};
  family.from = 1, family.to = 12;
  return family;
}

}  // namespace

TEST_CASE("an all-equal sequence has distance zero under NoPE, RoPE, ALiBi and a window") {
  std::vector<RandomModel> models{small(PositionKind::none), small(PositionKind::rope), small(PositionKind::alibi), small(PositionKind::rope)};
  models.back().window = 4;
  for (const RandomModel& description : models)
    for (const std::size_t i : {std::size_t{0}, std::size_t{4}, std::size_t{11}}) {
      const Enclosure coarse = pair_distance(description, all_equal(), i, 128), fine = pair_distance(description, all_equal(), i, 256);
      REQUIRE((contains(coarse, Dyadic::of(0.0)) && contains(fine, Dyadic::of(0.0))));
      REQUIRE(coarse.upper < Dyadic::power_of_two(-60));
      REQUIRE(fine.upper < Dyadic::power_of_two(-188));
    }
}

TEST_CASE("an all-equal sequence moves under absolute positions") {
  for (const PositionKind position : {PositionKind::sinusoidal, PositionKind::learned})
    for (const std::size_t i : {std::size_t{0}, std::size_t{11}})
      REQUIRE(Dyadic::power_of_two(-20) < pair_distance(small(position), all_equal(), i, 128).lower);
}

// z_n - z*_{n+1} = sum over heads of alpha*_{n+1,n+1} O_h (o_n - v_a): one NoPE layer, a sequence that ends in a and the same with a once more. The left side
// comes from the decoder; the right side from the attention step alone, the weight alpha* read off by giving the last token the value 1 and all others 0.
TEST_CASE("one NoPE layer moves by the last token's own weight times what it would still change") {
  std::size_t tested = 0;
  for (const std::size_t heads : {std::size_t{1}, std::size_t{4}}) {
    RandomModel description = small(PositionKind::none);
    description.layers = 1, description.hidden = 0, description.heads = heads;
    const Model model = synthetic_model(description);
    const Layer& layer = model.layers[0];
    const BallWorld w(160);
    const Decoder<BallWorld> decoder(model, w);

    SequenceTree tree({1, 4, 2, 5, 2, 2, 2});  // x . a, with a = 2
    const std::size_t last = 6, repeated = tree.add(7, {2});
    Decoder<BallWorld>::Memory memory;
    const auto z = decoder.hidden(tree.columns(), memory);  // no MLP: x(1) = z
    const std::vector<std::size_t> first{last}, second{repeated};
    const auto z_n = w.select(z, first), z_star = w.select(z, second);

    const auto h = w.norm(*layer.attention_norm, decoder.embed(tree.columns()), 1);
    const auto q = w.linear(layer.query, h), k = w.linear(layer.key, h), v = w.linear(layer.value, h);
    BallWorld::Block indicator(v.rows(), v.columns());
    for (std::size_t i = 0; i < v.rows(); ++i) arb_one(indicator(i, repeated));
    BallWorld::Memory mix, weights;
    const auto o = w.attend(layer.attention, q, k, v, tree.columns(), mix);                // [width, tokens]
    const auto alpha = w.attend(layer.attention, q, k, indicator, tree.columns(), weights);  // every entry of a head: its weight of the last token
    BallWorld::Block step(o.rows(), 1);
    for (std::size_t i = 0; i < o.rows(); ++i) {
      arb_sub(step(i, 0), o(i, last), v(i, last), w.bits());
      arb_mul(step(i, 0), step(i, 0), alpha(i, repeated), w.bits());
    }
    const auto right = w.linear(layer.output, step);
    for (std::size_t i = 0; i < model.width; ++i) {
      Ball left;
      arb_sub(left, z_n(i, 0), z_star(i, 0), w.bits());
      REQUIRE(arb_is_finite(left));
      REQUIRE(arb_overlaps(left, right(i, 0)));
      REQUIRE(!arb_contains_zero(left));
      REQUIRE(arb_rel_accuracy_bits(left) >= 60);
      REQUIRE(arb_rel_accuracy_bits(right(i, 0)) >= 60);
      ++tested;
    }
  }
  REQUIRE(tested == 32);
}

TEST_CASE("a sliding window forgets the prefix exactly from L(w-1)+1 on") {
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi})
    for (const std::size_t layers : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
      RandomModel description = small(position);
      description.layers = layers, description.window = 3;
      const Model model = synthetic_model(description);
      const auto free_from = static_cast<std::int64_t>(layers * 2 + 1);
      Family a, b;
      a.prefix = {1, 4}, b.prefix = {5, 6};
      a.unit = b.unit = {2};
      a.from = b.from = 1, a.to = b.to = free_from + 4;
      SilentProgress silent;
      const Evaluation x = evaluate(model, family_block(a), Place::final, false, 160, silent);
      const Evaluation y = evaluate(model, family_block(b), Place::final, false, 160, silent);
      for (std::int64_t n = a.from; n <= a.to; ++n) {
        INFO("layers " << layers << " n " << n);
        const auto i = static_cast<std::size_t>(n - a.from);
        const Enclosure between = distance(Metric::linf, x.vectors[x.first[i]], y.vectors[y.first[i]], 160);
        const Enclosure step = distance(Metric::linf, x.vectors[x.first[i]], x.vectors[x.second[i]], 160);
        if (n >= free_from) {
          REQUIRE(contains(between, Dyadic::of(0.0)));
          REQUIRE(contains(step, Dyadic::of(0.0)));
          REQUIRE(between.upper < Dyadic::power_of_two(-80));
          REQUIRE(step.upper < Dyadic::power_of_two(-80));
        } else {
          REQUIRE(Dyadic::of(0.0) < between.lower);
          REQUIRE(Dyadic::of(0.0) < step.lower);
        }
      }
    }
}

namespace {

// 2 + 2 (h - 1/(e + 1)), h = (k + 1) e / ((k + 1) e + k), rounded to one side: Proposition B.4's pair around the even position 2k. It grows with e.
Dyadic alternating_distance(std::int64_t k, mpfr_rnd_t to, mpfr_rnd_t back) {
  constexpr long bits = 256;
  Dyadic e(bits), h(bits), q(bits);
  mpfr_set_ui(e.get(), 1, MPFR_RNDN);
  mpfr_exp(e.get(), e.get(), to);
  mpfr_mul_si(h.get(), e.get(), static_cast<long>(k + 1), to);
  mpfr_si_div(h.get(), static_cast<long>(k), h.get(), back);
  mpfr_add_si(h.get(), h.get(), 1, back);
  mpfr_si_div(h.get(), 1, h.get(), to);
  mpfr_add_si(q.get(), e.get(), 1, to);
  mpfr_si_div(q.get(), 1, q.get(), back);
  mpfr_sub(h.get(), h.get(), q.get(), to);
  mpfr_mul_si(h.get(), h.get(), 2, to);
  mpfr_add_si(h.get(), h.get(), 2, to);
  return h;
}

}  // namespace

TEST_CASE("two one-hot tokens in turn: Proposition B.4's distance, by its formula") {
  RandomModel m;
  m.layers = 1, m.width = 2, m.heads = 1, m.hidden = 0, m.vocab = 2, m.position = PositionKind::none;
  m.identity = true, m.one_hot = true, m.unscaled = true, m.pre_norm = false;
  Family family;
  family.sample = Sample{{0, 1}, {}, 0, true};
  family.to = 200;
  SilentProgress silent;
  const Evaluation e = evaluate(synthetic_model(m), family_block(family), Place::hidden, false, 128, silent);
  for (std::size_t i = 0; i < e.first.size(); ++i) {
    const std::int64_t n = static_cast<std::int64_t>(i) + 1, k = n / 2;  // positions n - 1 and n, counted from 0: the even one of them is 2k
    const Enclosure d = distance(Metric::l1, e.vectors[e.first[i]], e.vectors[e.second[i]], 128);
    REQUIRE(d.lower <= alternating_distance(k, MPFR_RNDU, MPFR_RNDD));
    REQUIRE(alternating_distance(k, MPFR_RNDD, MPFR_RNDU) <= d.upper);
    REQUIRE(d.upper < Dyadic::of(4.0));
    REQUIRE(Dyadic::of(2.92) < d.lower);
  }
  REQUIRE(e.first.size() == 200);
}

TEST_CASE("one-hot tokens need a dimension each") {
  RandomModel m;
  m.width = 4, m.heads = 1, m.vocab = 5, m.one_hot = true;
  REQUIRE(problem_of(m));
  REQUIRE(problem_of(m)->key == "one_hot");
  m.vocab = 4;
  REQUIRE(!problem_of(m));
  REQUIRE(describe(m).ends_with(", one_hot"));
}
