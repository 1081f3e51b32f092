// Eras and tails against direct evaluation: every n, every coordinate. Lemmas: proofs/era.md, proofs/tail.md.
#include "bounds/era.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/era_against_direct.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small() {
  RandomModel m;
  m.seed = 3, m.width = 16, m.heads = 4, m.hidden = 24, m.vocab = 8, m.position = PositionKind::none;
  return m;
}

RunSettings settings() {
  RunSettings s;
  s.explicit_tokens = 60, s.degree = 14, s.bits = 160;
  return s;
}

}  // namespace

TEST_CASE("every length of an era and of the tail is enclosed, for every kind of model") {
  std::size_t tested = 0;
  const auto check = [&](auto change) {
    RandomModel m = small();
    change(m);
    tested += check_against_direct(synthetic_model(m), {1, 5}, 2, {}, settings(), 420, 1e-5);
  };
  check([](RandomModel&) {});
  check([](RandomModel& m) { m.kv_heads = 2, m.layers = 1; });
  check([](RandomModel& m) { m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false, m.layers = 1; });
  check([](RandomModel& m) { m.activation = Activation::gelu_tanh, m.qk_norm = true, m.post_norms = true, m.unit_offset = true, m.embedding_scale = true, m.layers = 1; });
  check([](RandomModel& m) { m.hidden = 0, m.layers = 3, m.heads = 2; });
  // Heads too wide for second-order sums.
  check([](RandomModel& m) { m.heads = 1, m.head_size = 20, m.layers = 1; });
  REQUIRE(tested == 6 * 420 * 16);
}

// The prefix outweighs hundreds of run tokens, and attention turns to the run within an era's usual width.
TEST_CASE("narrower eras enclose every length, more closely") {
  RandomModel m = small();
  m.gain = 4;
  const Model model = synthetic_model(m);
  RunSettings s = settings(), adaptive = s;
  adaptive.wanted = -60;
  REQUIRE(check_against_direct(model, {1, 3, 5}, 2, {}, adaptive, 420, 1e-6) == 420 * 16);
  RunEvaluation usual(model, {1, 3, 5}, 2, {}, Place::final, s), narrow(model, {1, 3, 5}, 2, {}, Place::final, adaptive);
  while (usual.next() < Length(420)) usual.extend();
  while (narrow.next() < Length(420)) narrow.extend();
  REQUIRE(narrow.eras().size() > usual.eras().size());
}

TEST_CASE("under ALiBi single tokens and the tail enclose every length") {
  RandomModel m = small();
  m.position = PositionKind::alibi;
  RunSettings s = settings();
  s.one_token_eras = true;
  REQUIRE(check_against_direct(synthetic_model(m), {1, 5}, 2, {}, s, 420, 1e-9) == 420 * 16);
}

// The tail's hull at a length contains what every later length gives: here the limit and the explicit vectors beyond it.
TEST_CASE("the tail encloses the limit and every later length") {
  RandomModel m = small();
  m.layers = 1, m.gain = 0.5;
  const Model model = synthetic_model(m);
  RunSettings near = settings(), far = settings();
  near.explicit_tokens = 300, far.explicit_tokens = 700;
  RunEvaluation run(model, {1}, 2, {}, Place::final, near), longer(model, {1}, 2, {}, Place::final, far);
  const TailVector tail = run.tail(), later = longer.tail();
  std::size_t tested = 0;
  for (std::size_t i = 0; i < model.width; ++i) {
    REQUIRE(arb_is_finite(tail.vector(i, 0)));
    REQUIRE(arb_overlaps(tail.vector(i, 0), run.limit()(i, 0)));
    REQUIRE(mag_cmp(arb_radref(later.vector(i, 0)), arb_radref(tail.vector(i, 0))) < 0);
    for (std::size_t n = 300; n < 700; ++n, ++tested) REQUIRE(arb_overlaps(tail.vector(i, 0), longer.explicit_vectors()(i, n)));
  }
  REQUIRE(tested == 16 * 400);
}

// n enters the closed form of one layer without MLP through the mass alone: z_n = x_a + sum over heads of O_h (m_h + n v_a) / (p_h + n).
TEST_CASE("one layer: the models at 10^12 agree with the closed form") {
  RandomModel m = small();
  m.layers = 1, m.hidden = 0, m.heads = 2;
  const Model model = synthetic_model(m);
  const Layer& layer = model.layers[0];
  RunSettings s = settings();
  s.degree = 20;
  RunEvaluation run(model, {1, 5}, 2, {}, Place::hidden, s);
  while (run.next() < Length(1000000000000)) run.extend();
  const EraVector& era = run.eras().back();
  REQUIRE((era.era.first < Length(1000000000000) && Length(1000000000000) <= era.era.last));
  const BallMatrix found = era.over(era.vector, Length(1000000000000), Length(1000000000000));

  const BallWorld w(200);
  const Decoder<BallWorld> decoder(model, w);
  const SequenceTree tree({1, 5, 2});
  const auto x = decoder.embed(tree.columns());
  const auto h = w.norm(*layer.attention_norm, x, 1);
  const auto q = w.linear(layer.query, h), k = w.linear(layer.key, h), v = w.linear(layer.value, h);
  const std::size_t size = layer.attention.head_size;
  BallWorld::Block mixed(q.rows(), 1);
  for (std::size_t head = 0; head < 2; ++head) {
    Ball score, mass;
    BallVector sums(size);
    for (std::size_t c = 0; c < 3; ++c) {
      arb_zero(score);
      for (std::size_t i = 0; i < size; ++i) arb_addmul(score, q(head * size + i, 2), k(head * size + i, c), 200);
      Ball root;
      arb_sqrt_ui(root, size, 200);
      arb_div(score, score, root, 200);
      arb_exp(score, score, 200);
      if (c == 2) arb_mul_ui(score, score, 1000000000000, 200);
      arb_add(mass, mass, score, 200);
      for (std::size_t i = 0; i < size; ++i) arb_addmul(sums[i], score, v(head * size + i, c), 200);
    }
    for (std::size_t i = 0; i < size; ++i) arb_div(mixed(head * size + i, 0), sums[i], mass, 200);
  }
  const std::vector<std::size_t> last{2};
  const auto z = w.add(w.select(x, last), w.linear(layer.output, mixed));
  for (std::size_t i = 0; i < model.width; ++i) {
    REQUIRE(arb_overlaps(found(i, 0), z(i, 0)));
    REQUIRE(arb_rel_accuracy_bits(found(i, 0)) >= 80);
    REQUIRE(arb_rel_accuracy_bits(z(i, 0)) >= 150);
  }
}

// The remainders at n and n + 1 may have opposite signs.
TEST_CASE("values and steps of an era carry the remainder once and twice") {
  const auto balls = std::make_shared<const BallWorld>(128);
  const EraWorld::Era extent{100, 125};
  BallMatrix model(1, 3);
  arb_set_d(model(0, 0), 0.5), arb_set_d(model(0, 1), -0.25), arb_set_d(model(0, 2), 0.125);
  Ball radius;
  arb_set_d(radius, 0x1p-10);
  arb_add_error(model(0, 0), radius);
  const EraVector era{extent, model, model, EraWorld(extent, 2, balls, 64)};
  // f(n) = 1/2 - t/4 + t^2/8 + (-1)^n 2^-10, t = (2n - 225) / 25.
  const auto f = [&](arb_ptr result, std::int64_t n) {
    Ball t, square;
    arb_set_si(t, 2 * n - 225);
    arb_div_ui(t, t, 25, 200);
    arb_sqr(square, t, 200);
    arb_mul_2exp_si(t, t, -2), arb_mul_2exp_si(square, square, -3);
    arb_set_d(result, n % 2 == 0 ? 0.5 + 0x1p-10 : 0.5 - 0x1p-10);
    arb_sub(result, result, t, 200);
    arb_add(result, result, square, 200);
  };
  const BallMatrix all = era.over(era.vector, 100, 125);
  std::size_t tested = 0;
  for (std::int64_t n = 100; n < 125; ++n, ++tested) {
    Ball here, next;
    f(here, n), f(next, n + 1);
    REQUIRE(arb_overlaps(era.over(era.vector, n, n)(0, 0), here));
    REQUIRE(arb_overlaps(all(0, 0), here));
    arb_sub(next, next, here, 200);
    REQUIRE(arb_overlaps(era.step_at(n)(0, 0), next));
    REQUIRE(arb_overlaps(era.steps_over(n, n + 1)(0, 0), next));
    REQUIRE(arb_overlaps(era.steps_over(100, 125)(0, 0), next));
    // Tight: at even n the step is the least admissible one; a little less is outside.
    Ball little;
    arb_mul_2exp_si(little, radius, -4);
    arb_sub(next, next, little, 200);
    if (n % 2 == 0) REQUIRE(!arb_overlaps(era.step_at(n)(0, 0), next));
  }
  REQUIRE(tested == 25);
}
