// States of long runs in doubles against the Euclidean world at 160 bits: each within its bound, and the bounds small.
#include "bounds/rounded_run.hpp"

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/world/euclidean.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 160;

// Of how many tokens the state was within the bound after each layer, which must be less than `most` at the last token.
std::size_t check_states(const RandomModel& description, std::vector<Token> prefix, std::size_t tokens, double most) {
  const Model model = synthetic_model(description);
  SilentProgress silent;
  const RoundedRun run(model, prefix, 2, tokens, silent);
  REQUIRE(run.tokens() == tokens);
  std::vector<Token> sequence = prefix;
  sequence.resize(tokens, 2);
  const std::vector<Column> columns = SequenceTree(sequence).columns();
  const EuclideanWorld world(bits);
  const Decoder<EuclideanWorld> decoder(model, world);
  Decoder<EuclideanWorld>::Memory memory;
  std::size_t within = 0;
  const auto check = [&](std::size_t l, const EuclideanWorld::Block& x) {
    const BallMatrix exact = world.hull(x);
    double worst = 0;
    for (std::size_t c = 0; c < tokens; ++c) {
      Ball distance, t;
      for (std::size_t i = 0; i < model.width; ++i) {
        arb_set_d(t, run.states(l)[c * model.width + i]);
        arb_sub(t, exact(i, c), t, bits);
        arb_addmul(distance, t, t, bits);
      }
      arb_sqrtpos(distance, distance, bits);
      INFO("layer " << l << " token " << c);
      Ball error;
      arb_set_d(error, run.errors(l)[c]);
      REQUIRE(arb_le(distance, error));
      worst = std::max(worst, run.errors(l)[c]);
      ++within;
    }
    REQUIRE(run.error(l) == worst);
  };
  decoder.hidden(columns, memory, check);
  REQUIRE(run.errors(model.layers.size())[tokens - 1] < most);
  return within;
}

}  // namespace

TEST_CASE("states of a long run lie within their bounds") {
  RandomModel m = small(PositionKind::rope);
  m.layers = 3;
  CHECK(check_states(m, {1}, 1100, 1e-6) == 4 * 1100);  // more than are taken at once
  m.gain = 1, m.kv_heads = 1, m.width = 16, m.heads = 4;
  CHECK(check_states(m, {3, 1, 4}, 300, 1e-4) == 4 * 300);
  m.qk_norm = true, m.post_norms = true;
  CHECK(check_states(m, {3}, 300, 1e-2) == 4 * 300);
  m = small(PositionKind::none);
  m.layers = 2, m.norm = NormKind::layer, m.bias = true;
  CHECK(check_states(m, {}, 300, 1e-6) == 3 * 300);
}

TEST_CASE("runs that doubles do not follow are refused") {
  SilentProgress silent;
  RandomModel m = small(PositionKind::alibi);
  CHECK_THROWS_AS(RoundedRun(synthetic_model(m), std::vector<Token>{1}, 2, 10, silent), std::logic_error);
  m = small(PositionKind::sinusoidal);
  CHECK_THROWS_AS(RoundedRun(synthetic_model(m), std::vector<Token>{1}, 2, 10, silent), std::logic_error);
  m = small(PositionKind::rope);
  m.window = 4;
  CHECK_THROWS_AS(RoundedRun(synthetic_model(m), std::vector<Token>{1}, 2, 10, silent), std::logic_error);
}
