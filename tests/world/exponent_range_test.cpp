// Arb computes with exponents of any size, MPFR with 30 bits of them (by default): the enclosures that leave the ball world must be rounded outward there too.
#include <vector>

#include "bounds/distance.hpp"
#include "lib/world/ball.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

BallMatrix one_entry(double x) {
  BallMatrix block(1, 1);
  arb_set_d(block(0, 0), x);
  return block;
}

bool within_mpfr(const Dyadic& x) {
  return !mpfr_regular_p(x.get()) || (mpfr_get_exp(x.get()) >= mpfr_get_emin() && mpfr_get_exp(x.get()) <= mpfr_get_emax());
}

}  // namespace

TEST_CASE("a negative result too small for MPFR is enclosed by a negative lower end") {
  const BallWorld world(128);
  const Dyadic zero;
  std::size_t tested = 0;
  for (const Activation activation : {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh}) {
    for (const double x : {-0x1p20, -0x1p28, -0x1p31, -0x1p40, -0x1p61, -0x1p80, -0x1p200}) {
      // The exact result lies in (-1, 0).
      const Enclosure y = world.enclosures(world.activate(activation, one_entry(x)), 0)[0];
      INFO("activation " << static_cast<int>(activation) << " of " << x);
      CHECK(y.lower < zero);
      CHECK(y.lower <= y.upper);
      CHECK(within_mpfr(y.lower));
      CHECK(within_mpfr(y.upper));
      ++tested;
    }
  }
  CHECK(tested == 21);
}

TEST_CASE("a result too large for MPFR is enclosed by a finite number and infinity, and so is its distance from zero") {
  const BallWorld world(128);
  BallMatrix x = one_entry(0x1p1000), y = one_entry(-0x1p1000);
  for (int i = 0; i < 60; ++i) {
    y = world.multiply(x, y);
    x = world.multiply(x, x);
  }
  const Enclosure positive = world.enclosures(x, 0)[0], negative = world.enclosures(y, 0)[0];
  CHECK(positive.lower.is_finite());
  CHECK(mpfr_inf_p(positive.upper.get()));
  CHECK(mpfr_inf_p(negative.lower.get()));
  CHECK(negative.upper.is_finite());
  CHECK(mpfr_sgn(positive.lower.get()) > 0);
  CHECK(mpfr_sgn(negative.upper.get()) < 0);

  const CertifiedVector large = certified_column(world, x, 0), nothing = certified_column(world, one_entry(0), 0);
  for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf}) {
    const Enclosure from_zero = distance(metric, large, nothing, 160), from_itself = distance(metric, large, large, 160);
    CHECK(mpfr_sgn(from_zero.lower.get()) > 0);
    CHECK(from_zero.lower.is_finite());
    CHECK(mpfr_inf_p(from_zero.upper.get()));
    CHECK(mpfr_zero_p(from_itself.lower.get()));
    CHECK(mpfr_inf_p(from_itself.upper.get()));
  }
}
