#include "bounds/softmax_distance.hpp"

#include "lib/number/interval.hpp"
#include "lib/progress.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

CertifyRequest request() {
  CertifyRequest r;
  r.formats = {*find_format("e4m3"), *find_format("bf16"), *find_format("fp32")};
  return r;
}

// The formula, term by term, in MPFI.
Enclosure by_intervals(const SoftmaxScores& s, std::size_t n) {
  const IntervalArithmetic world(160);
  using Number = IntervalArithmetic::Number;
  Number sum = world.zero(), moved_sum = world.zero(), total = world.zero();
  std::vector<Number> p, q;
  for (std::size_t i = 0; i < n; ++i) {
    Number x = world.of(s.scores[i]), e = world.zero();
    world.exp(e, x);
    p.push_back(e);
    if (i < s.added.size()) {
      world.add(x, x, world.of(s.added[i]));
      world.exp(e, x);
    }
    q.push_back(e);
    world.add(sum, sum, p[i]);
    world.add(moved_sum, moved_sum, q[i]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    Number a = world.zero(), b = world.zero();
    world.div(a, p[i], sum);
    world.div(b, q[i], moved_sum);
    world.sub(a, a, b);
    mpfi_abs(world.raw(a), world.raw(a));
    world.add(total, total, a);
  }
  return world.enclosure(total);
}

}  // namespace

TEST_CASE("softmaxes of lists that grow: the same as term by term, in other arithmetic", "[softmax]") {
  SoftmaxFamily family;
  family.seed = 3, family.changed = 5, family.to = 40;
  SilentProgress silent;
  const Certification c = certify_softmax(family, request(), silent);
  REQUIRE(c.distances.size() == 40);
  const SoftmaxScores scores = softmax_scores(family, 40);
  REQUIRE(scores.added.size() == 5);
  for (std::size_t i = 0; i < 40; ++i) {
    const Enclosure& d = c.distances[i].by_metric[0];
    const Enclosure other = by_intervals(scores, i + 1);
    REQUIRE((d.is_finite() && other.is_finite()));
    REQUIRE((d.lower <= other.upper && other.lower <= d.upper));
    if (i > 0) REQUIRE(d.upper.to_double(MPFR_RNDU) - d.lower.to_double(MPFR_RNDD) < 1e-14);
  }
  // One score alone has weight one whatever it is.
  REQUIRE(mpfr_sgn(c.distances[0].by_metric[0].lower.get()) <= 0);
  REQUIRE(!c.undecided());
}

TEST_CASE("softmaxes: lengths begin where they are asked to, and nothing is drawn anew for other lengths", "[softmax]") {
  SoftmaxFamily family;
  family.seed = 3, family.changed = 5, family.from = 30, family.to = 40;
  SilentProgress silent;
  const Certification late = certify_softmax(family, request(), silent);
  family.from = 1;
  const Certification all = certify_softmax(family, request(), silent);
  REQUIRE(late.distances.size() == 11);
  for (std::size_t i = 0; i < late.distances.size(); ++i) {
    REQUIRE(late.distances[i].n == all.distances[i + 29].n);
    REQUIRE(late.distances[i].by_metric[0].lower == all.distances[i + 29].by_metric[0].lower);
  }
  for (const double x : softmax_scores(family, 40).scores) REQUIRE((x >= 0 && x < 1));
  for (const double x : softmax_scores(family, 40).added) REQUIRE((x >= 0 && x <= 0.1));
}

TEST_CASE("softmaxes: nothing added, nothing changed", "[softmax]") {
  SoftmaxFamily family;
  family.seed = 3, family.changed = 5, family.noise = 0, family.to = 10;
  SilentProgress silent;
  const Certification c = certify_softmax(family, request(), silent);
  for (const PairDistances& pair : c.distances) {
    REQUIRE(mpfr_sgn(pair.by_metric[0].lower.get()) <= 0);
    REQUIRE(pair.by_metric[0].upper < Dyadic::power_of_two(-100));
  }
}
