// Two layers under RoPE, for every n: the second layer's outputs by sums of modes against all tokens, bounds on arcs of the circle against single lengths, and the ends that follow.
#include "bounds/inevitable_by_harmonics.hpp"

#include <cmath>

#include "bounds/distance.hpp"
#include "bounds/harmonic_table.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/run_harmonics.hpp"
#include "lib/number/upward.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 128;
constexpr std::int64_t tokens = 6000;

RandomModel two_layers() {
  RandomModel m = small(PositionKind::rope);
  m.layers = 2;
  return m;
}

struct Known {
  Model model;
  Family family;
  FarRun run;
  RunHarmonics harmonics;

  Known(const RandomModel& m, std::vector<Token> prefix, Place place, std::vector<std::int64_t> marks, Progress& progress)
      : model(synthetic_model(m)), family(run_after(std::move(prefix))), run(model, family, place, false, tokens, bits, FarRun::Keep::balls, progress), harmonics(model, family, place, run, std::move(marks), progress) {}

  // The last vector's derivatives over boxes that hold all of the columns: the shares' largest values, and what the outputs are apart from the limit's.
  RotaryLengths::Frame frame_around(const std::vector<double>& shares, const BallMatrix& outputs) {
    const RotaryLengths::Frame limit = harmonics.frame({}, {});
    std::vector<double> apart(outputs.rows());
    for (std::size_t i = 0; i < outputs.rows(); ++i)
      for (std::size_t c = 0; c < outputs.columns(); ++c) {
        Ball t;
        arb_sub(t, outputs(i, c), harmonics.limit_output(i), bits);
        apart[i] = std::max(apart[i], upper_double(Magnitude::of(t)));
      }
    return harmonics.frame(shares, apart);
  }
};

double middle(arb_srcptr x) { return arf_get_d(arb_midref(x), ARF_RND_NEAR); }

struct Closeness {
  double loose = 0, deviation = 0, apart = 0;  // widths; distances of the truth from the limit; twice the distances of the middles from the truth
};

// One vector in both, and the sharp one inside the other.
void check_inside(const RotaryLengths::Vectors& found, const RotaryLengths::Vectors& expected, const RotaryLengths::Frame& limit, const std::vector<std::int64_t>& lengths, Closeness& sums) {
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    INFO("n = " << lengths[i]);
    CHECK(mpfr_sgn(distance(Metric::linf, found.vectors[i], expected.vectors[i], bits + 32).lower.get()) == 0);
    for (std::size_t e = 0; e < found.vectors[i].size(); ++e) {
      CHECK(mpfr_lessequal_p(found.vectors[i][e].lower.get(), expected.vectors[i][e].lower.get()));
      CHECK(mpfr_lessequal_p(expected.vectors[i][e].upper.get(), found.vectors[i][e].upper.get()));
      const double low = mpfr_get_d(found.vectors[i][e].lower.get(), MPFR_RNDD), high = mpfr_get_d(found.vectors[i][e].upper.get(), MPFR_RNDU);
      const double truth = mpfr_get_d(expected.vectors[i][e].lower.get(), MPFR_RNDN);
      sums.loose += high - low, sums.apart += std::fabs(low + high - 2 * truth), sums.deviation += std::fabs(truth - middle(limit.vector(e, 0)));
    }
  }
}

// `closest`: the middles are nearer to the truth than this part of what is proved. No proof needs that; a sum that is wrong within its constants would not be seen otherwise.
void check_sums(const RandomModel& m, const std::vector<Token>& prefix, Place place, double closest) {
  SilentProgress silent;
  for (const std::int64_t start : {2100, 4096}) {
    INFO("start " << start);
    Known known(m, prefix, place, {start}, silent);
    const RotaryLengths::Frame limit = known.harmonics.frame({}, {});
    const std::vector<TurningQuotient> quotients = known.harmonics.quotients();
    std::vector<std::int64_t> lengths;
    for (std::int64_t n = start; n < start + 12; ++n) lengths.push_back(n);  // every phase of the fastest plane
    for (std::int64_t n = start + 50; n < tokens; n += 173) lengths.push_back(n);
    BallMatrix outputs(known.harmonics.outputs(), lengths.size());
    for (std::size_t c = 0; c < lengths.size(); ++c) known.harmonics.set_outputs(outputs, c, quotients, lengths[c]);
    const std::vector<double> largest = HarmonicTable(quotients, known.harmonics.frequencies(), start).largest(start);
    const RotaryLengths::Frame frame = known.frame_around({largest.begin(), largest.begin() + static_cast<std::ptrdiff_t>(known.harmonics.shares())}, outputs);
    Closeness sums;
    check_inside(known.run.given(lengths, std::move(outputs), frame), known.run.at(lengths), limit, lengths, sums);
    CHECK(sums.apart < closest * sums.loose);
    if (start == 4096) CHECK(sums.loose < sums.deviation);  // sharp enough to say something
  }
}

// Points hold the shares and the outputs of every length, and are far sharper.
void check_points(const RandomModel& m, const std::vector<Token>& prefix, Place place) {
  SilentProgress silent;
  Known known(m, prefix, place, {3000, 3100, 5000, 5200}, silent);
  const RotaryLengths::Frame limit = known.harmonics.frame({}, {});
  Closeness sums;
  for (const std::size_t mark : {std::size_t{1}, std::size_t{3}}) {
    const RunHarmonics::Points points = known.harmonics.points(mark);
    REQUIRE(points.from == known.harmonics.marks()[mark - 1]);
    REQUIRE(points.to == known.harmonics.marks()[mark]);
    std::vector<std::int64_t> lengths;
    for (std::int64_t n = points.from; n <= points.to; n += n < points.from + 12 || n + 1 == points.to ? 1 : 9) lengths.push_back(n);
    lengths.push_back(points.to);
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    BallMatrix outputs(known.harmonics.outputs(), lengths.size());
    for (std::size_t c = 0; c < lengths.size(); ++c) known.harmonics.set_outputs(outputs, c, points, lengths[c]);
    std::vector<double> shares(known.harmonics.shares());
    for (std::int64_t n = points.from; n <= points.to; ++n)
      for (std::size_t s = 0; s < shares.size(); ++s) shares[s] = std::max(shares[s], upward(points.middle(n)[s] + points.radius(n)[s]));
    const RotaryLengths::Frame frame = known.frame_around(shares, outputs);
    check_inside(known.run.given(lengths, std::move(outputs), frame), known.run.at(lengths), limit, lengths, sums);
  }
  CHECK(sums.loose < 0.25 * sums.deviation);
}

std::uint64_t arc_of(const RotaryFrequencies& frequencies, std::int64_t n) {
  Ball turns, pi;
  frequencies.set_unit(turns, 0, 128);
  arb_const_pi(pi, 128);
  arb_div(turns, turns, pi, 128);
  arb_mul_si(turns, turns, n, 128);
  arb_mul_2exp_si(turns, turns, static_cast<slong>(HarmonicTable::level) - 1);
  arb_floor(turns, turns, 128);
  return static_cast<std::uint64_t>(middle(turns)) % HarmonicTable::arcs;
}

}  // namespace

TEST_CASE("Harmonics: outputs by sums of modes enclose those by all tokens") {
  RandomModel m = two_layers();
  check_sums(m, {1}, Place::final, 0.03);
  m.kv_heads = 1, m.gain = 1;
  check_sums(m, {3, 1}, Place::hidden, 0.2);
}

TEST_CASE("Harmonics: points enclose what all tokens say") {
  RandomModel m = two_layers();
  check_points(m, {1}, Place::final);
  m.kv_heads = 1, m.gain = 1;
  check_points(m, {3, 1}, Place::hidden);
}

TEST_CASE("Harmonics: bounds on arcs hold at single lengths") {
  SilentProgress silent;
  Known known(two_layers(), {1}, Place::final, {4096}, silent);
  const RotaryLengths::Frame limit = known.harmonics.frame({}, {});
  const HarmonicTable table(known.harmonics.quotients(), known.harmonics.frequencies(), 4096);
  const std::size_t width = limit.vector.rows();
  BallMatrix identity(width, width);
  for (std::size_t i = 0; i < width; ++i) arb_one(identity(i, i));
  std::vector<std::int64_t> lengths;
  for (std::int64_t n = 4096; n < 4196; ++n) lengths.push_back(n);
  for (std::int64_t n = 4300; n < tokens; n += 200) lengths.push_back(n), lengths.push_back(n + 1);
  const RotaryLengths::Vectors exact = known.run.at(lengths);
  for (const InevitableQuestion& question : questions()) {
    if (question.criterion == Criterion::argmax) continue;
    const bool steps = question.criterion == Criterion::tolerance;
    const auto own = Gauge::of(question, known.model, known.run.balls(), {limit.vector, identity}, {limit.final, identity});
    if (!own) continue;
    for (const bool all : {false, true}) {
      const std::int64_t from = table.start();
      const std::vector<double> largest = table.largest(from);
      const auto outputs = largest.begin() + static_cast<std::ptrdiff_t>(known.harmonics.shares());
      const RotaryLengths::Frame frame = known.harmonics.frame({largest.begin(), outputs}, {outputs, largest.end()});
      const auto gauge = Gauge::of(question, known.model, known.run.balls(), {limit.vector, frame.slopes}, {limit.final, frame.final_slopes});
      REQUIRE(gauge);
      const GaugeInDoubles quick = gauge->in_doubles();
      const HarmonicTable::Window window{from, all ? std::nullopt : std::optional<std::int64_t>(tokens)};
      const std::vector<double> bounds = table.bound(quick, steps, window);
      const double growth = table.growth(quick, steps, from);
      double nearest = 0;
      for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
        if (lengths[i + 1] != lengths[i] + 1) continue;
        BallVector apart(width);
        for (std::size_t e = 0; e < width; ++e) {
          const auto& x = exact.vectors[i + (steps ? 1 : 0)][e];
          arf_set_mpfr(arb_midref(apart[e]), x.lower.get());
          if (!steps) {
            arb_sub(apart[e], apart[e], limit.vector(e, 0), bits);
          } else {
            Ball before;
            arf_set_mpfr(arb_midref(static_cast<arb_ptr>(before)), exact.vectors[i][e].lower.get());
            arb_sub(apart[e], apart[e], before, bits);
          }
        }
        const std::int64_t n = lengths[i];
        const double actual = upper_double((*own)(apart)) * static_cast<double>(n) * (1 - 0x1p-20);
        const std::size_t arc = arc_of(known.harmonics.frequencies(), n);
        const double allowed = std::max(bounds[arc], bounds[(arc + 1) % HarmonicTable::arcs]) + (all ? growth * std::log(static_cast<double>(n) / static_cast<double>(from)) : 0);
        INFO("n = " << n << (steps ? ", steps" : ""));
        CHECK(actual <= allowed);
        nearest = std::max(nearest, actual / allowed);
      }
      CHECK(nearest > 0.1);
    }
  }
}

TEST_CASE("Harmonics: ends agree with the evaluation of every length") {
  const Model model = synthetic_model(two_layers());
  const Family family = run_after({1});
  InevitableLimits limits;
  limits.max_tokens = 3000;  // so that the run is followed to the least length only
  std::vector<InevitableQuestion> asked;
  for (const InevitableQuestion& question : questions())
    if (question.format && (question.format->name == "e4m3" || question.format->name == "bf16") && (question.criterion == Criterion::bitwise || *question.metric == Metric::l1)) asked.push_back(question);
  REQUIRE(asked.size() == 4);
  const InevitableTask task{model, family, Place::final, asked, limits};
  REQUIRE_FALSE(harmonics_refuse(task).has_value());
  SilentProgress silent;
  const InevitableAnswer answer = by_harmonics(task, silent);
  REQUIRE(answer.rows.size() == asked.size());
  std::size_t exact = 0, ends = 0;
  for_each_enumerated(model, family, asked, 600, [&](const CollapseRow& row, std::size_t r) {
    const InevitableRow& found = answer.rows[r];
    INFO("row " << r << ": " << found.answer.lower << " to " << found.answer.upper.value_or("?") << ", enumerated to 600: " << row.inevitable.lower);
    if (!found.answer.upper) return;
    ++ends, exact += found.answer.status == Status::exact;
    CHECK(Length(row.inevitable.lower) <= Length(*found.answer.upper));
    if (found.answer.status == Status::exact && Length(*found.answer.upper) <= 600) CHECK(found.answer.lower == row.inevitable.lower);
  });
  CHECK(ends == asked.size());
  CHECK(exact >= 3);
}

TEST_CASE("Harmonics refuse what they do not know") {
  const std::vector<InevitableQuestion> asked = questions();
  InevitableLimits limits;
  const auto refused = [&](const RandomModel& m, const Family& family) {
    const Model model = synthetic_model(m);
    return harmonics_refuse({model, family, Place::final, asked, limits}).has_value();
  };
  RandomModel m = two_layers();
  CHECK_FALSE(refused(m, run_after({1})));
  CHECK(refused(m, run_after({})));
  m.layers = 3;
  CHECK(refused(m, run_after({1})));
  m.layers = 2, m.rope_base = 10001;  // frequencies that are no multiples of one
  CHECK(refused(m, run_after({1})));
  m = two_layers(), limits.max_tokens = 200;
  CHECK(refused(m, run_after({1})));
}
