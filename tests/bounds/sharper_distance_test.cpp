// Distances by the pairs' differences: the same as by subtraction at a much higher precision, and what certify makes of them.
#include <cmath>

#include "bounds/certify.hpp"
#include "bounds/difference.hpp"
#include "bounds/distance.hpp"
#include "lib/model/synthetic.hpp"
#include "reports/certificate.hpp"
#include "tests/catch.hpp"
#include "tests/world/differences.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 16, m.hidden = 24, m.vocab = 8, m.position = position;
  return m;
}

Family family(std::vector<Token> prefix, std::vector<Token> unit, std::vector<Token> suffix, std::int64_t from, std::int64_t to) {
  Family f;
  f.prefix = std::move(prefix), f.unit = std::move(unit), f.suffix = std::move(suffix), f.from = from, f.to = to;
  return f;
}

CertifyRequest request(Family f) {
  CertifyRequest r;
  r.title = "test", r.family = std::move(f);
  r.formats = {find_format("bf16").value()};
  r.criteria = {Criterion::tolerance};
  r.metrics = {Metric::l1, Metric::l2, Metric::linf};
  return r;
}

}  // namespace

TEST_CASE("lengths of differences are the distances of the vectors, by subtraction at a higher precision") {
  SilentProgress silent;
  std::size_t tested = 0;
  for (const PositionKind position : {PositionKind::none, PositionKind::alibi, PositionKind::rope, PositionKind::sinusoidal})
    for (const Family& f : {family({1, 4}, {2}, {}, 1, 12), family({1}, {2, 3}, {}, 1, 6), family({1}, {2}, {5, 2}, 0, 8), family({1}, {2}, {2, 6}, 1, 8)})
      for (const Place place : {Place::final, Place::hidden}) {
        const Model model = synthetic_model(small(position));
        const FamilyBlock block = family_block(f);
        const auto differences = evaluate_differences(model, block, *counterparts(f, block), place, 128, silent);
        const Evaluation fine = evaluate(model, block, place, false, 640, silent);
        REQUIRE(differences.size() == block.first.size());
        for (std::size_t i = 0; i < differences.size(); ++i) {
          REQUIRE(differences[i]);
          for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf}) {
            const Enclosure d = norm_of(metric, *differences[i], 64), exact = distance(metric, fine.vectors[fine.first[i]], fine.vectors[fine.second[i]], 640);
            REQUIRE(overlap(d, exact));
            REQUIRE(is_accurate(d, 40));
            ++tested;
          }
        }
      }
  REQUIRE(tested > 4 * 4 * 2 * 3 * 6);
}

TEST_CASE("a pair whose last tokens are no counterparts has no difference") {
  SilentProgress silent;
  const Family f = family({1, 4}, {2}, {}, 0, 3);  // S_0 ends in the prefix
  const FamilyBlock block = family_block(f);
  const auto differences = evaluate_differences(synthetic_model(small(PositionKind::none)), block, *counterparts(f, block), Place::final, 96, silent);
  REQUIRE(!differences[0]);
  REQUIRE((differences[1] && differences[2] && differences[3]));
}

TEST_CASE("beyond every window distances are exactly zero, and the certificate lists what its checker can see") {
  SilentProgress silent;
  RandomModel description = small(PositionKind::rope);
  description.window = 4;
  const Certification c = certify(synthetic_model(description), request(family({1, 4}, {2}, {}, 1, 12)), silent);
  REQUIRE(c.subtracted.size() == 12);
  const Certificate listed = certificate(c);
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t m = 0; m < 3; ++m) {
      const Enclosure &d = c.distances[i].by_metric[m], &wide = c.subtracted[i].by_metric[m];
      REQUIRE((wide.lower <= d.lower && d.upper <= wide.upper));
      REQUIRE(listed.distances[i].by_norm[m].upper == wide.upper.hex());
      const bool zero = mpfr_zero_p(d.lower.get()) && mpfr_zero_p(d.upper.get());
      REQUIRE(zero == (c.distances[i].n >= 7));  // 2 (4 - 1) + 1
      if (!zero) REQUIRE(is_accurate(d, 30));
      else REQUIRE(Dyadic() < wide.upper);
      zeros += zero;
    }
  REQUIRE(zeros == 18);
}

TEST_CASE("distances that subtraction knows well are left to it") {
  SilentProgress silent;
  REQUIRE(certify(synthetic_model(small(PositionKind::rope)), request(family({1, 4}, {2}, {}, 1, 12)), silent).subtracted.empty());
}

TEST_CASE("a tolerance far below the balls is decided without more bits") {
  SilentProgress silent;
  RandomModel description = small(PositionKind::alibi);
  description.heads = 1;
  Model model = synthetic_model(description);
  for (Layer& layer : model.layers) layer.attention.alibi = {Slope{0, 1}};  // e^-n
  CertifyRequest r = request(family({1, 4}, {2}, {}, 120, 160));
  r.eps = Dyadic::power_of_two(-180);
  const Certification c = certify(model, r, silent);
  REQUIRE(!c.undecided());
  REQUIRE(c.precision_bits <= 160);
  for (const PairDistances& pair : c.distances)
    for (const Enclosure& d : pair.by_metric) REQUIRE(is_accurate(d, 30));
  // The same by subtraction alone takes the bits that 2^-180 has.
  r.start_bits = 512;
  const Certification fine = certify(model, r, silent);
  REQUIRE(fine.subtracted.empty());
  for (std::size_t row = 0; row < c.rows.size(); ++row) REQUIRE(c.rows[row].verdicts == fine.rows[row].verdicts);
  REQUIRE(c.rows[0].first);
  REQUIRE(c.rows[0].last_distinct);
}

TEST_CASE("enclosures of one number meet") {
  const auto between = [](double low, double high) { return Enclosure{Dyadic::of(low), Dyadic::of(high)}; };
  const Enclosure both = intersection(between(1, 3), between(2, 5));
  REQUIRE((both.lower == Dyadic::of(2.0) && both.upper == Dyadic::of(3.0)));
  REQUIRE_THROWS_AS(intersection(between(1, 2), between(3, 4)), std::logic_error);
  REQUIRE(is_accurate(between(0, 0), 60));
  REQUIRE(!is_accurate(between(0, 0x1p-200), 1));
  REQUIRE(is_accurate(between(1, 1 + 0x1p-30), 30));
  REQUIRE(!is_accurate(between(1, 1 + 0x1p-29), 30));
  REQUIRE(!is_accurate(between(1, INFINITY), 1));
}
