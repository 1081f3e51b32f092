// One layer under RoPE: the bounds on the torus of phases against the vectors that occur.
#include "bounds/rotary_lengths.hpp"

#include "bounds/distance.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

GaugeLadder ladder_of(const RotaryLengths& lengths, const InevitableQuestion& question, const Model& model) {
  const RotaryLengths::Frame limit = lengths.frame(Magnitude());
  GaugeLadder ladder;
  for (long rung = 0; rung < 24; ++rung) {
    const Magnitude largest = shifted(Magnitude::of(1UL), -rung);
    const RotaryLengths::Frame frame = lengths.frame(largest);
    ladder.rungs.push_back({largest, Gauge::of(question, model, lengths.balls(), {limit.vector, frame.slopes}, {limit.final, frame.final_slopes}).value()});
  }
  return ladder;
}

InevitableQuestion within(double eps, Metric metric) {
  InevitableQuestion question = bitwise_in("bf16");
  question.criterion = Criterion::tolerance, question.metric = metric, question.eps = Dyadic::of(eps);
  return question;
}

// n D / eps, from below.
double times_distance(std::int64_t n, const CertifiedVector& a, const CertifiedVector& b, Metric metric, double eps) {
  Dyadic least(200);
  mpfr_mul_d(least.get(), distance(metric, a, b, 128).lower.get(), static_cast<double>(n) / eps, MPFR_RNDD);
  return least.to_double(MPFR_RNDD);
}

// The cell of the first coordinate that contains the phase of n.
PhaseCell cell_of(std::int64_t n, const Ball& unit, unsigned level) {
  Ball phase, pi;
  arb_const_pi(pi, 128);
  arb_mul_si(phase, unit, n, 128);
  arb_div(phase, phase, pi, 128);
  arb_mul_2exp_si(phase, phase, -1);
  const double turns = arf_get_d(arb_midref(static_cast<arb_ptr>(phase)), ARF_RND_NEAR);
  return {{static_cast<std::uint32_t>(std::ldexp(turns - std::floor(turns), static_cast<int>(level)))}, {static_cast<std::uint8_t>(level)}};
}

RandomModel one_plane(double gain) {
  RandomModel m = small(PositionKind::rope);
  m.heads = 1, m.kv_heads = 1, m.head_size = 2, m.gain = gain;
  return m;
}

}  // namespace

TEST_CASE("RoPE, one layer: bounds on cells hold for the pairs whose phases lie in them") {
  const Model model = synthetic_model(small(PositionKind::rope));
  const Family family = run_after({1, 4});
  RotaryLengths lengths(model, family, Place::final, false, 128, {});
  const Length from = 200'000;  // what falls like 1/from is small there
  std::vector<std::int64_t> all;
  for (std::int64_t n = 200'000; n <= 200'300; ++n) all.push_back(n);
  const RotaryLengths::Vectors found = lengths.at(all, 1000);
  Ball unit;
  lengths.run().frequencies().set_unit(unit, 0, 128);
  std::size_t tested = 0;
  for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf}) {
    const GaugeLadder ladder = ladder_of(lengths, within(0x1p-7, metric), model);
    const PhaseBound bound(lengths.run(), ladder, from);
    const Magnitude supremum = bound.supremum(10, 100'000);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      const double value = times_distance(all[i], found.vectors[i], found.vectors[i + 1], metric, 0x1p-7);
      const auto at_most = [&](const Magnitude& m) {
        REQUIRE(m.is_finite());
        REQUIRE(value <= mag_get_d(m.get()));
      };
      at_most(bound.at(all[i]));
      REQUIRE(mag_get_d(bound.at(all[i]).get()) <= 1.5 * value + 1);
      at_most(supremum);
      for (const unsigned level : {0u, 6u, 14u, 24u}) {
        at_most(bound.over(cell_of(all[i], unit, level)));
        ++tested;
      }
    }
  }
  REQUIRE(tested == 3 * 300 * 4);
}

TEST_CASE("RoPE, one layer: on a cell about a minimum Taylor's remainder is all that keeps the bound above the ends") {
  // One plane and one prefix token: kappa of the deviation is e^(A cos t) but for a factor, convex about t = pi.
  const Model model = synthetic_model(one_plane(2));
  const Family family = run_after({1});
  RotaryLengths lengths(model, family, Place::final, false, 128, {});
  const Length from = 10'000'000;
  std::vector<std::int64_t> all;
  for (std::int64_t n = 10'000'000; n < 10'000'400; ++n) all.push_back(n);
  const RotaryLengths::Vectors found = lengths.at(all, 1000);
  Ball unit;
  lengths.run().frequencies().set_unit(unit, 0, 128);
  const InevitableQuestion question = bitwise_in("bf16");
  const GaugeLadder ladder = ladder_of(lengths, question, model);
  const PhaseBound bound(lengths.run(), ladder, from);
  // The gauge of a deviation itself.
  const RotaryLengths::Frame limit = lengths.frame(Magnitude());
  BallMatrix identity(model.width, model.width);
  for (std::size_t i = 0; i < model.width; ++i) arb_one(identity(i, i));
  const Gauge gauge = Gauge::of(question, model, lengths.balls(), {limit.vector, identity}, {limit.final, identity}).value();
  std::size_t near_a_minimum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    // The gauge is homogeneous, and computed to far less than a part in 2^20: at most n kappa.
    BallVector deviation(model.width);
    for (std::size_t k = 0; k < model.width; ++k) {
      const Enclosure entry = found.vectors[i][k];
      arb_set_interval_mpfr(deviation[k], entry.lower.get(), entry.upper.get(), 128);
      arb_sub(deviation[k], deviation[k], limit.vector(k, 0), 128);
      Ball factor;
      arb_set_d(factor, static_cast<double>(all[i]) * (1 - 0x1p-20));
      arb_mul(deviation[k], deviation[k], factor, 128);
    }
    const Magnitude value = gauge(deviation);
    double least = 1e300, most = 0;
    for (const unsigned level : {3u, 4u, 5u, 6u}) {
      const Magnitude above = bound.over(cell_of(all[i], unit, level));
      REQUIRE(!(above < value));
      least = std::min(least, mag_get_d(above.get())), most = std::max(most, mag_get_d(above.get()));
    }
    near_a_minimum += mag_get_d(value.get()) < 0.5 * most ? 1 : 0;
    REQUIRE(least < 1.5 * mag_get_d(value.get()));
  }
  REQUIRE(near_a_minimum > 0);
}

TEST_CASE("RoPE, one layer: where weights hardly turn, the step is the mass's growth") {
  const Model model = synthetic_model(one_plane(0x1p-8));
  const Family family = run_after({1});
  RotaryLengths lengths(model, family, Place::final, false, 128, {});
  const Length from = 100;
  std::vector<std::int64_t> all;
  for (std::int64_t n = 100; n <= 200; ++n) all.push_back(n);
  const RotaryLengths::Vectors found = lengths.at(all, 1000);
  const GaugeLadder ladder = ladder_of(lengths, within(0x1p-7, Metric::l1), model);
  const PhaseBound bound(lengths.run(), ladder, from);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const double value = times_distance(all[i], found.vectors[i], found.vectors[i + 1], Metric::l1, 0x1p-7), most = mag_get_d(bound.at(all[i]).get());
    REQUIRE(value <= most);
    REQUIRE(most < 8 * value);
  }
}
