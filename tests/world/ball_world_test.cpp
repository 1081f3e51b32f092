// Single operations of the ball world on balls that are wide, or far out: what points within do must be inside.
#include "lib/world/ball.hpp"

#include "lib/model/tensor.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr std::size_t width = 4;
constexpr long bits = 128;

// Midpoints 0, 1, -1, 0 with a radius of 2^-10 each; or, for a corner of 16, the point at its signs.
BallMatrix wide() {
  BallMatrix x(width, 1);
  for (std::size_t i = 0; i < width; ++i) {
    arb_set_si(x(i, 0), i == 1 ? 1 : i == 2 ? -1 : 0);
    mag_set_ui_2exp_si(arb_radref(x(i, 0)), 1, -10);
  }
  return x;
}
BallMatrix corner(unsigned signs) {
  BallMatrix x = wide();
  for (std::size_t i = 0; i < width; ++i) {
    mag_zero(arb_radref(x(i, 0)));
    arf_t radius;
    arf_init(radius);
    arf_set_si_2exp_si(radius, (signs >> i & 1) != 0 ? 1 : -1, -10);
    arf_add(arb_midref(x(i, 0)), arb_midref(x(i, 0)), radius, ARF_PREC_EXACT, ARF_RND_DOWN);
    arf_clear(radius);
  }
  return x;
}

}  // namespace

// The entries whose midpoint is 0 are where the mean's own radius shows: no other error is of its size there.
TEST_CASE("a norm of wide balls contains the norms of their corners") {
  const BallWorld world(bits), sharper(2 * bits);
  std::size_t tested = 0;
  for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
    const Norm norm{kind, nullptr, nullptr, 1e-5};
    const BallMatrix y = world.norm(norm, wide(), 1);
    for (unsigned signs = 0; signs < 16; ++signs) {
      const BallMatrix point = sharper.norm(norm, corner(signs), 1);
      for (std::size_t i = 0; i < width; ++i, ++tested) {
        REQUIRE(arb_contains(y(i, 0), point(i, 0)));
        REQUIRE(arb_rel_accuracy_bits(point(i, 0)) > 100);
      }
    }
  }
  REQUIRE(tested == 2 * 16 * width);
}

TEST_CASE("a rotation far out is as sharp as a near one, and overlaps one with more bits") {
  const BallWorld world(bits), sharper(3 * bits);
  for (const std::int64_t position : {std::int64_t{1}, std::int64_t{1000003}, (std::int64_t{1} << 40) + 1}) {
    BallMatrix x(width, 1);
    for (std::size_t i = 0; i < width; ++i) arb_set_si(x(i, 0), static_cast<slong>(i) + 1);
    const Column columns[] = {{0, position, 0, 0}};
    const BallMatrix y = world.rotate(x, {10000, width}, 1, columns), z = sharper.rotate(x, {10000, width}, 1, columns);
    for (std::size_t i = 0; i < width; ++i) {
      INFO("position " << position << ", entry " << i);
      REQUIRE(arb_overlaps(y(i, 0), z(i, 0)));
      REQUIRE(arb_rel_accuracy_bits(y(i, 0)) > bits - 12);
      REQUIRE(arb_rel_accuracy_bits(z(i, 0)) > 2 * bits);
    }
  }
}
