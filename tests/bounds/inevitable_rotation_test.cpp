// One layer under RoPE: the bounds on the torus of phases against the vectors that occur.
#include "bounds/rotary_lengths.hpp"

#include "bounds/distance.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("RoPE, one layer: bounds on cells hold for the pairs whose phases lie in them") {
  const Model model = synthetic_model(small(PositionKind::rope));
  const Family family = run_after({1, 4});
  RotaryLengths lengths(model, family, Place::final, false, 128, {});
  const Length from = 200'000;  // what falls like 1/from is small there
  std::vector<std::int64_t> all;
  for (std::int64_t n = 200'000; n <= 200'300; ++n) all.push_back(n);
  const RotaryLengths::Vectors found = lengths.at(all, 1000);
  const RotaryLengths::Frame limit = lengths.frame(Magnitude());
  Ball unit, pi;
  lengths.run().frequencies().set_unit(unit, 0, 128);
  arb_const_pi(pi, 128);
  std::size_t tested = 0;
  for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf}) {
    InevitableQuestion question = bitwise_in("bf16");
    question.criterion = Criterion::tolerance, question.metric = metric, question.eps = Dyadic::power_of_two(-7);
    GaugeLadder ladder;
    for (long rung = 0; rung < 24; ++rung) {
      const Magnitude largest = shifted(Magnitude::of(1UL), -rung);
      const RotaryLengths::Frame frame = lengths.frame(largest);
      ladder.rungs.push_back({largest, Gauge::of(question, model, lengths.balls(), {limit.vector, frame.slopes}, {limit.final, frame.final_slopes}).value()});
    }
    const PhaseBound bound(lengths.run(), ladder, from);
    const Magnitude supremum = bound.supremum(10, 100'000);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      // n D / eps
      Dyadic least(200);
      mpfr_mul_d(least.get(), distance(metric, found.vectors[i], found.vectors[i + 1], 128).lower.get(), 128.0 * static_cast<double>(all[i]), MPFR_RNDD);
      const double value = least.to_double(MPFR_RNDD);
      const auto at_most = [&](const Magnitude& m) {
        REQUIRE(m.is_finite());
        REQUIRE(value <= mag_get_d(m.get()));
      };
      at_most(bound.at(all[i]));
      REQUIRE(mag_get_d(bound.at(all[i]).get()) <= 1.5 * value + 1);
      at_most(supremum);
      Ball phase;
      arb_mul_si(phase, unit, all[i], 128);
      arb_div(phase, phase, pi, 128);
      arb_mul_2exp_si(phase, phase, -1);
      for (const unsigned level : {0u, 6u, 14u, 24u}) {
        const double turns = arf_get_d(arb_midref(static_cast<arb_ptr>(phase)), ARF_RND_NEAR);
        const auto index = static_cast<std::uint32_t>(std::ldexp(turns - std::floor(turns), static_cast<int>(level)));
        at_most(bound.over({{index}, {static_cast<std::uint8_t>(level)}}));
        ++tested;
      }
    }
  }
  REQUIRE(tested == 3 * 300 * 4);
}
