#include "bounds/certify.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/collapse.hpp"
#include "lib/error.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 5, m.width = 16, m.hidden = 24, m.vocab = 8, m.position = position;
  return m;
}

CertifyRequest request(std::int64_t to) {
  CertifyRequest r;
  r.title = "test";
  r.family.prefix = {1}, r.family.unit = {2}, r.family.from = 1, r.family.to = to;
  for (const char* name : {"e4m3", "bf16", "fp16", "fp32"}) r.formats.push_back(find_format(name).value());
  r.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  r.metrics = {Metric::l1, Metric::l2, Metric::linf};
  return r;
}

// The exact vectors' leading 600 bits, by another world and one sequence at a time.
std::vector<Dyadic> reference(const Model& model, const std::vector<Token>& tokens, Place place, std::vector<Dyadic>* logits = nullptr) {
  const RealWorld world(600);
  const Decoder<RealWorld> decoder(model, world);
  Decoder<RealWorld>::Memory memory;
  const auto x = decoder.hidden(SequenceTree(tokens).columns(), memory);
  const std::vector<std::size_t> last{tokens.size() - 1};
  const auto hidden = world.select(x, last), final = decoder.final(hidden);
  const auto entries = [&](const RealWorld::Block& block) {
    std::vector<Dyadic> result;
    for (std::size_t i = 0; i < block.width; ++i) result.push_back(Dyadic::of(world.entry(block, i, 0).backend().data()));
    return result;
  };
  if (logits) *logits = entries(world.linear(model.unembedding, final));
  return entries(place == Place::final ? final : hidden);
}

Token largest(const std::vector<Dyadic>& logits) {
  std::size_t best = 0;
  for (std::size_t t = 1; t < logits.size(); ++t)
    if (logits[best] < logits[t]) best = t;
  return static_cast<Token>(best);
}

// The distance of two reference vectors to about 500 bits.
Dyadic reference_distance(Metric metric, const std::vector<Dyadic>& a, const std::vector<Dyadic>& b) {
  Dyadic sum(600), term(600);
  for (std::size_t i = 0; i < a.size(); ++i) {
    mpfr_sub(term.get(), a[i].get(), b[i].get(), MPFR_RNDN);
    mpfr_abs(term.get(), term.get(), MPFR_RNDN);
    if (metric == Metric::linf) {
      mpfr_max(sum.get(), sum.get(), term.get(), MPFR_RNDN);
    } else {
      if (metric == Metric::l2) mpfr_sqr(term.get(), term.get(), MPFR_RNDN);
      mpfr_add(sum.get(), sum.get(), term.get(), MPFR_RNDN);
    }
  }
  if (metric == Metric::l2) mpfr_sqrt(sum.get(), sum.get(), MPFR_RNDN);
  return sum;
}

// Every distance and every verdict of a certification against sequences run one at a time in the real world.
std::size_t check_against_brute_force(const Model& model, const CertifyRequest& r) {
  SilentProgress silent;
  const Certification c = certify(model, r, silent);
  REQUIRE(!c.undecided());
  std::size_t tested = 0;
  for (std::int64_t n = r.family.from; n <= r.family.to; ++n) {
    INFO("n = " << n);
    const auto i = static_cast<std::size_t>(n - r.family.from);
    std::vector<Dyadic> logits_a, logits_b;
    const auto a = reference(model, r.family.first(n), r.at, &logits_a), b = reference(model, r.family.second(n), r.at, &logits_b);
    REQUIRE(c.distances[i].n == n);
    for (std::size_t m = 0; m < r.metrics.size(); ++m) {
      const Enclosure& e = c.distances[i].by_metric[m];
      const Dyadic d = reference_distance(r.metrics[m], a, b);
      REQUIRE(contains(e, d));
      REQUIRE(width(e) <= 1e-12);
    }
    for (const CollapseRow& row : c.rows) {
      bool collapsed = false;
      if (row.criterion == Criterion::argmax) collapsed = largest(logits_a) == largest(logits_b);
      if (row.criterion == Criterion::tolerance) collapsed = reference_distance(*row.metric, a, b) <= *row.eps;
      if (row.criterion == Criterion::bitwise)
        collapsed = std::equal(a.begin(), a.end(), b.begin(),
                               [&](const Dyadic& x, const Dyadic& y) { return round(*row.format, x).value == round(*row.format, y).value; });
      REQUIRE(row.verdicts[i] == (collapsed ? Verdict::collapsed : Verdict::distinct));
      ++tested;
    }
  }
  return tested;
}

class StopAtOnce final : public Progress {
 public:
  void begin(const std::string&, std::size_t) override {}
  void step() override { throw Interrupted(); }
};

}  // namespace

TEST_CASE("every distance and verdict is what sequences run one by one give") {
  std::size_t tested = 0;
  for (const PositionKind position : {PositionKind::alibi, PositionKind::none, PositionKind::rope, PositionKind::sinusoidal}) {
    const Model model = synthetic_model(small(position));
    tested += check_against_brute_force(model, request(20));
  }
  const Model model = synthetic_model(small(PositionKind::rope));
  CertifyRequest r = request(9);
  r.family.suffix = {3, 4};
  tested += check_against_brute_force(model, r);
  r.family.unit = {2, 5};
  tested += check_against_brute_force(model, r);
  r = request(9);
  r.family.delimiter = Delimiter{3, {6}};
  tested += check_against_brute_force(model, r);
  r = request(9);
  r.family.pair = Pair::repeat_last, r.at = Place::hidden;
  tested += check_against_brute_force(model, r);
  r = request(9);
  r.family.unit = {}, r.family.sample = Sample{{1, 2, 3}, {}, 9};
  tested += check_against_brute_force(model, r);
  REQUIRE(tested == (4 * 20 + 5 * 9) * (4 + 12 + 1));
}

TEST_CASE("too little precision says undecided, and never what is wrong") {
  const Model model = synthetic_model(small(PositionKind::alibi));
  SilentProgress silent;
  CertifyRequest r = request(40);
  const Certification truth = certify(model, r, silent);
  REQUIRE(!truth.undecided());
  std::size_t undecided = 0, decided = 0;
  for (const long bits : {20, 30, 40, 50}) {
    r.start_bits = r.max_bits = bits;
    const Certification coarse = certify(model, r, silent);
    REQUIRE(coarse.precision_bits == bits);
    for (std::size_t k = 0; k < coarse.rows.size(); ++k) {
      const CollapseRow& row = coarse.rows[k];
      for (std::size_t i = 0; i < row.verdicts.size(); ++i) {
        if (row.verdicts[i] == Verdict::undecided) {
          ++undecided;
          continue;
        }
        REQUIRE(row.verdicts[i] == truth.rows[k].verdicts[i]);
        ++decided;
      }
      if (row.inevitable.upper) REQUIRE(std::stoll(*row.inevitable.upper) >= std::stoll(*truth.rows[k].inevitable.upper));
      REQUIRE(std::stoll(row.inevitable.lower) <= std::stoll(truth.rows[k].inevitable.lower));
    }
    if (coarse.undecided()) REQUIRE(!coarse.warnings.empty());
  }
  REQUIRE(undecided >= 400);
  REQUIRE(decided >= 500);
}

TEST_CASE("precision rises by itself until everything is decided") {
  const Model model = synthetic_model(small(PositionKind::alibi));
  SilentProgress silent;
  CertifyRequest r = request(30);
  r.start_bits = 24;
  const Certification c = certify(model, r, silent);
  REQUIRE(!c.undecided());
  REQUIRE(c.precision_bits > 24);
}

TEST_CASE("thresholds: two to the one minus t, or the user's own") {
  const Model model = synthetic_model(small(PositionKind::none));
  SilentProgress silent;
  CertifyRequest r = request(3);
  r.criteria = {Criterion::tolerance};
  Certification c = certify(model, r, silent);
  REQUIRE(c.rows.size() == 12);
  for (const CollapseRow& row : c.rows) REQUIRE(*row.eps == Dyadic::power_of_two(1 - row.format->precision));
  r.eps = Dyadic::of(0.375);
  c = certify(model, r, silent);
  REQUIRE(c.rows.size() == 3);
  for (const CollapseRow& row : c.rows) REQUIRE((*row.eps == Dyadic::of(0.375) && !row.format));
}

TEST_CASE("engine runs stand beside the certified rows, with their certified error") {
  const Model model = synthetic_model(small(PositionKind::alibi));
  SilentProgress silent;
  CertifyRequest r = request(30);
  for (const char* name : {"fp32", "bf16"}) r.profiles.push_back(find_profile(name).value());
  const Certification c = certify(model, r, silent);
  REQUIRE(c.runs.size() == 2);
  for (const EngineRun& run : c.runs) {
    REQUIRE(run.distances.size() == 30);
    REQUIRE(run.errors.size() == 30);
    for (const PairDistances& error : run.errors) REQUIRE(Dyadic::of(0.0) < error.by_metric[0].lower);
  }
  // bf16 is farther from the exact result than fp32 at every n.
  for (std::size_t i = 0; i < 30; ++i) REQUIRE(c.runs[0].errors[i].by_metric[0].upper < c.runs[1].errors[i].by_metric[0].lower);
  for (const CollapseRow& row : c.rows) REQUIRE(row.observed.size() == 2);
}

TEST_CASE("what does not fit the model is refused") {
  SilentProgress silent;
  CertifyRequest r = request(3);
  r.family.unit = {8};
  REQUIRE_THROWS_AS(certify(synthetic_model(small(PositionKind::none)), r, silent), InputError);
  RandomModel learned = small(PositionKind::learned);
  learned.context = 5;
  r = request(4);  // S_5 has 6 tokens
  REQUIRE_THROWS_AS(certify(synthetic_model(learned), r, silent), InputError);
  r = request(3);
  REQUIRE(certify(synthetic_model(learned), r, silent).distances.size() == 3);
}

TEST_CASE("a request to stop leaves no result") {
  StopAtOnce stop;
  REQUIRE_THROWS_AS(certify(synthetic_model(small(PositionKind::none)), request(3), stop), Interrupted);
}
