#include "bounds/engine_pair.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/distance.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

constexpr std::size_t longest = std::size_t(1) << 20;

bool finite(std::span<const double> vector) {
  return std::all_of(vector.begin(), vector.end(), [](double x) { return std::isfinite(x); });
}

double distance_in_doubles(Metric metric, std::span<const double> a, std::span<const double> b) {
  double result = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    switch (metric) {
      case Metric::l1: result += difference; break;
      case Metric::l2: result += difference * difference; break;
      case Metric::linf: result = std::max(result, difference); break;
    }
  }
  return metric == Metric::l2 ? std::sqrt(result) : result;
}

}  // namespace

EnginePairJudge::EnginePairJudge(const std::vector<CollapseRow>& rows, const std::vector<Metric>& metrics) : rows_(rows), metrics_(metrics), prepared_(rows.size()) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].criterion == Criterion::bitwise && rows[r].format->fits_double()) prepared_[r].rounder.emplace(*rows[r].format);
    if (rows[r].criterion == Criterion::tolerance) {
      prepared_[r].eps_below = rows[r].eps->to_double(MPFR_RNDD);
      prepared_[r].eps_above = rows[r].eps->to_double(MPFR_RNDU);
    }
  }
}

std::optional<Verdict> EnginePairJudge::bitwise_in_doubles(const Row& row, std::span<const double> a, std::span<const double> b) const {
  if (!row.rounder) return std::nullopt;
  const auto fits = [&](double x) { return std::fabs(x) <= row.rounder->largest(); };
  if (!std::all_of(a.begin(), a.end(), fits) || !std::all_of(b.begin(), b.end(), fits)) return std::nullopt;
  for (std::size_t i = 0; i < a.size(); ++i)
    if ((*row.rounder)(a[i]) != (*row.rounder)(b[i])) return Verdict::distinct;
  return Verdict::collapsed;
}

std::optional<Verdict> EnginePairJudge::tolerance_in_doubles(const Row& row, Metric metric, std::span<const double> a, std::span<const double> b) const {
  if (a.size() > longest || !are_moderate(a) || !are_moderate(b)) return std::nullopt;
  const double d = distance_in_doubles(metric, a, b);
  if (upward(d) <= row.eps_below) return Verdict::collapsed;
  if (d * (1 - 0x1p-30) - 0x1p-240 > row.eps_above) return Verdict::distinct;
  return std::nullopt;
}

Verdict EnginePairJudge::operator()(std::size_t row, std::span<const double> a, std::span<const double> b,
                                    const std::function<std::vector<Token>()>& next_tokens) const {
  const CollapseRow& asked = rows_[row];
  if (!finite(a) || !finite(b)) return Verdict::overflow;
  std::optional<Verdict> verdict;
  if (asked.criterion == Criterion::bitwise) verdict = bitwise_in_doubles(prepared_[row], a, b);
  if (asked.criterion == Criterion::tolerance) verdict = tolerance_in_doubles(prepared_[row], *asked.metric, a, b);
  if (verdict) return *verdict;
  EngineVectors run{{{a.begin(), a.end()}, {b.begin(), b.end()}}, {}, {}};
  PairDistances distances;
  if (asked.criterion == Criterion::tolerance)
    for (const Metric metric : metrics_) distances.by_metric.push_back(distance(metric, run.vectors[0], run.vectors[1], distance_bits));
  if (asked.criterion == Criterion::argmax) run.next_tokens = next_tokens();
  Evaluation pair;
  pair.first = {0}, pair.second = {1};
  return observed_verdicts(asked, run, {distances}, metrics_, pair)[0];
}

}  // namespace snellen
