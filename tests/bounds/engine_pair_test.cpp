// The judge of an engine's pairs against exact rounding and enclosed distances, also where a pair lies on the boundary that is asked about.
#include "bounds/engine_pair.hpp"

#include <cmath>
#include <limits>

#include "bounds/distance.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

const std::vector<Metric> metrics{Metric::linf, Metric::l1, Metric::l2};

std::vector<CollapseRow> rows(const std::vector<double>& eps) {
  std::vector<CollapseRow> result;
  for (const char* name : {"e4m3", "e5m2-saturating", "bf16", "fp16", "fp32", "fp64", "p12:-30:31", "p80:-20000:20000"}) {
    CollapseRow row;
    row.criterion = Criterion::bitwise, row.format = find_format(name);
    result.push_back(row);
  }
  for (const Metric metric : metrics)
    for (const double e : eps) {
      CollapseRow row;
      row.criterion = Criterion::tolerance, row.format = find_format("bf16"), row.metric = metric, row.eps = Dyadic::of(e);
      result.push_back(row);
    }
  CollapseRow argmax;
  argmax.criterion = Criterion::argmax;
  result.push_back(argmax);
  return result;
}

Verdict slowly(const CollapseRow& row, const std::vector<double>& a, const std::vector<double>& b, const std::vector<Token>& tokens) {
  EngineVectors run{{a, b}, tokens, {}};
  PairDistances distances;
  for (const Metric metric : metrics) distances.by_metric.push_back(distance(metric, a, b, EnginePairJudge::distance_bits));
  Evaluation pair;
  pair.first = {0}, pair.second = {1};
  return observed_verdicts(row, run, {distances}, metrics, pair)[0];
}

}  // namespace

TEST_CASE("a pair's verdict is that of exact rounding and of the enclosed distance") {
  SplitMix64 random(7);
  const auto entry = [&]() -> double {
    const double sign = random.below(2) == 0 ? 1 : -1, unit = 1 + static_cast<double>(random.below(4096)) * 0x1p-12;
    switch (random.below(12)) {
      case 0: return sign * 0.0;
      case 1: return sign * std::ldexp(unit, static_cast<int>(random.below(2000)) - 1000);
      case 2: return sign * std::ldexp(unit, static_cast<int>(random.below(40)) - 1074);
      case 3: return random.below(8) != 0 ? sign : std::numeric_limits<double>::quiet_NaN();
      case 4: return random.below(8) != 0 ? sign : sign * std::numeric_limits<double>::infinity();
      case 5: return sign * (448 + static_cast<double>(random.below(3)) * 16);  // about the largest of e4m3
      default: return sign * unit;
    }
  };
  std::size_t seen[4] = {};
  for (int trial = 0; trial < 1500; ++trial) {
    const std::size_t size = 1 + random.below(5);
    std::vector<double> a(size), b(size);
    for (std::size_t i = 0; i < size; ++i) {
      a[i] = entry();
      b[i] = random.below(3) == 0 ? entry() : random.below(2) == 0 ? a[i] : a[i] + std::ldexp(a[i], -static_cast<int>(random.below(60)));
    }
    // eps at the distance, just below and just above it: where doubles are not enough.
    std::vector<double> eps{0x1p-7};
    for (const Metric metric : metrics) {
      const double d = distance(metric, a, b, 400).upper.to_double(MPFR_RNDN);
      if (!(d > 0) || std::isinf(d)) continue;
      eps.insert(eps.end(), {d, std::nextafter(d, 0), std::nextafter(d, 2 * d)});
    }
    const std::vector<CollapseRow> asked = rows(eps);
    const EnginePairJudge judge(asked, metrics);
    const std::vector<Token> tokens{static_cast<Token>(random.below(2)), static_cast<Token>(random.below(2))};
    for (std::size_t r = 0; r < asked.size(); ++r) {
      const Verdict verdict = judge(r, a, b, [&] { return tokens; });
      REQUIRE(verdict == slowly(asked[r], a, b, tokens));
      ++seen[static_cast<std::size_t>(verdict)];
    }
  }
  REQUIRE(seen[static_cast<std::size_t>(Verdict::collapsed)] > 2000);
  REQUIRE(seen[static_cast<std::size_t>(Verdict::distinct)] > 2000);
  REQUIRE(seen[static_cast<std::size_t>(Verdict::overflow)] > 2000);
}
