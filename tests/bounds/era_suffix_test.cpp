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
