// Hulls by hand: attention of tokens anywhere, and norms of tokens with any position.
#include "lib/world/phase.hpp"

#include "lib/model/tensor.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

const std::vector<Column> columns{{1, 0, 0, 0}, {2, PhaseWorld::any_position, 0, 0}, {3, 7, 0, 2}, {3, 8, 0, 2}};

}  // namespace

TEST_CASE("attention is anywhere between the prefix, the run and one's own branch") {
  Attention a;
  a.heads = a.kv_heads = a.head_size = 1;
  const PhaseWorld world(128, 1, 1, Magnitude());
  PhaseBlock zero{BallMatrix(1, 4), {}}, v{BallMatrix(1, 4), {}};
  const double values[] = {-5, 1, 9, 20};
  for (std::size_t c = 0; c < 4; ++c) arb_set_d(v.x(0, c), values[c]);
  BallWorld::Memory memory;
  const PhaseBlock mixed = world.attend(a, zero, zero, v, columns, memory);
  const double lower[] = {-5, -5, -5, -5}, upper[] = {-5, 1, 9, 20};
  for (std::size_t c = 0; c < 4; ++c)
    for (const double end : {lower[c], upper[c]}) {
      Ball point;
      arb_set_d(point, end);
      REQUIRE(arb_contains(mixed.x(0, c), point));
      REQUIRE(mag_get_d(arb_radref(mixed.x(0, c))) <= (upper[c] - lower[c]) / 2 + 0x1p-20);
    }
}

TEST_CASE("the norm of a token at any position holds that at every position") {
  const auto table = std::make_shared<DenseTensor>(4, 4, std::vector<double>{0, 0, 0, 0, 1, -2, 0.5, 3, 0.75, 1, -0.25, 0.5, 0, 0, 0, 0});
  const BallWorld balls(128);
  std::size_t tested = 0;
  for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
    Norm norm;
    norm.kind = kind, norm.epsilon = 1e-5;
    for (const Token token : {1, 2}) {
      const PhaseWorld world(128, 0, 1, Magnitude());
      const std::vector<Column> anywhere{{token, PhaseWorld::any_position, 0, 0}};
      const PhaseBlock x = world.add_sinusoids(world.embed(table, anywhere), anywhere), y = world.norm(norm, x, 1);
      for (std::int64_t position = 0; position < 500; ++position) {
        const std::vector<Column> at{{token, position, 0, 0}};
        const BallMatrix there = balls.add_sinusoids(balls.embed(table, at), at), normed = balls.norm(norm, there, 1);
        Ball squares;
        for (std::size_t i = 0; i < 4; ++i) {
          REQUIRE(arb_overlaps(x.x(i, 0), there(i, 0)));
          REQUIRE(arb_is_finite(y.x(i, 0)));
          REQUIRE(arb_overlaps(y.x(i, 0), normed(i, 0)));
          arb_addmul(squares, there(i, 0), there(i, 0), 128);
          ++tested;
        }
        REQUIRE(arb_overlaps(x.squares(0, 0), squares));
      }
    }
  }
  REQUIRE(tested == 2 * 2 * 500 * 4);
}
