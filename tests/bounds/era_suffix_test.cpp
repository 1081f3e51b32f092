// Eras and tails of P . a^n . Q against direct evaluation: every n, every coordinate.
#include "bounds/era.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/bounds/era_against_direct.hpp"

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
  s.explicit_tokens = 50, s.degree = 12, s.bits = 160;
  return s;
}

}  // namespace

TEST_CASE("with a suffix every length of an era and of the tail is enclosed") {
  std::size_t tested = 0;
  const auto check = [&](const std::vector<Token>& suffix, auto change) {
    RandomModel m = small();
    change(m);
    tested += check_against_direct(synthetic_model(m), {1, 5}, 2, suffix, settings(), 260, 1e-4);
  };
  check({3}, [](RandomModel&) {});
  check({4, 2, 6}, [](RandomModel& m) { m.kv_heads = 2; });
  check({2}, [](RandomModel& m) { m.layers = 1; });  // the suffix is one more run token
  check({6, 3}, [](RandomModel& m) { m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false, m.heads = 1; });
  REQUIRE(tested == 4 * 260 * 16);
}

// S_n = P . a^n . a is P . a^(n+1).
TEST_CASE("a suffix of run tokens is a longer run") {
  const Model model = synthetic_model(small());
  RunEvaluation run(model, {1, 5}, 2, {}, Place::final, settings()), suffixed(model, {1, 5}, 2, {2, 2}, Place::final, settings());
  while (run.next() < Length(1000000)) run.extend(), suffixed.extend();
  std::size_t tested = 0;
  for (std::size_t e = 0; e < run.eras().size(); ++e) {
    const EraVector &era = run.eras()[e], &other = suffixed.eras()[e];
    const BallMatrix longer = era.over(era.vector, era.era.last, era.era.last), found = other.over(other.vector, era.era.last - 2, era.era.last - 2);
    for (std::size_t i = 0; i < model.width; ++i, ++tested) {
      REQUIRE(arb_overlaps(longer(i, 0), found(i, 0)));
      REQUIRE(arb_rel_accuracy_bits(found(i, 0)) >= 20);
    }
  }
  REQUIRE(tested >= 40 * 16);
}

// One layer of the bare model, where each coordinate of the last vector is one of the head's: nothing widens the hull, so that whatever it leaves out shows.
TEST_CASE("the tail's hull holds what a suffix weighs at every later length and in the limit") {
  RandomModel m = small();
  m.layers = 1, m.heads = 1, m.hidden = 0, m.identity = true;
  const Model model = synthetic_model(m);
  RunSettings near = settings(), far = settings();
  far.explicit_tokens = 300;
  std::size_t tested = 0, narrow = 0;
  for (const std::vector<Token>& suffix : {std::vector<Token>{3}, std::vector<Token>{6}, std::vector<Token>{4, 7}}) {
    RunEvaluation run(model, {1, 5}, 2, suffix, Place::hidden, near), longer(model, {1, 5}, 2, suffix, Place::hidden, far);
    const TailVector tail = run.tail();
    for (std::size_t i = 0; i < model.width; ++i) {
      REQUIRE(arb_is_finite(tail.vector(i, 0)));
      if (mag_cmp_2exp_si(arb_radref(tail.vector(i, 0)), 0) < 0) ++narrow;  // of entries of order one
      REQUIRE(arb_overlaps(tail.vector(i, 0), run.limit()(i, 0)));
      for (std::size_t n = 50; n < 300; ++n, ++tested) REQUIRE(arb_overlaps(tail.vector(i, 0), longer.explicit_vectors()(i, n)));
    }
  }
  REQUIRE(tested == 3 * 16 * 250);
  REQUIRE(narrow >= 3 * 12);
}
