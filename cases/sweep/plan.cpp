#include "cases/sweep/plan.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <set>

namespace snellen {

double SweepPlan::core_hours() const { return std::accumulate(processor_seconds.begin(), processor_seconds.end(), 0.0) / 3600; }

double SweepPlan::most_megabytes() const { return megabytes.empty() ? 0 : *std::max_element(megabytes.begin(), megabytes.end()); }

SweepPlan plan_of(const Sweep& sweep, const std::vector<double>& work, const std::vector<MeasuredPoint>& measured) {
  std::map<int, std::size_t> by_threads;
  for (const MeasuredPoint& m : measured) ++by_threads[m.threads];
  int threads = 1;
  for (const auto& [count, points] : by_threads)
    if (points > by_threads[threads]) threads = count;
  CostModel seconds(sweep, work), processor(sweep, work), memory(sweep, std::vector<double>(work.size(), 1));
  std::set<std::size_t> points;
  for (const MeasuredPoint& m : measured) {
    if (m.threads != threads) continue;
    points.insert(m.point);
    seconds.measured(m.point, m.seconds), processor.measured(m.point, m.processor_seconds), memory.measured(m.point, m.megabytes);
  }
  SweepPlan plan{seconds.predict(), processor.predict(), memory.predict(), points.size()};
  // Each measured point predicted from the others.
  double squares = 0;
  for (const std::size_t left_out : points) {
    CostModel others(sweep, work);
    double own = 0;
    for (const MeasuredPoint& m : measured) {
      if (m.threads != threads) continue;
      if (m.point == left_out)
        own = m.processor_seconds;
      else
        others.measured(m.point, m.processor_seconds);
    }
    if (others.measurements() > 0) squares += std::pow(std::log(std::max(own, 1e-9) / others.predict()[left_out]), 2);
  }
  if (points.size() > 1) plan.factor = std::exp(std::sqrt(squares / static_cast<double>(points.size())));
  for (std::size_t i = 0; i < work.size(); ++i)
    if (work[i] <= 0) plan.seconds[i] = plan.processor_seconds[i] = 0;  // it fails at once
  return plan;
}

double makespan(std::vector<double> seconds, std::size_t workers) {
  std::sort(seconds.begin(), seconds.end(), std::greater<>());
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (std::size_t w = 0; w < std::max<std::size_t>(1, workers); ++w) free_at.push(0);
  double last = 0;
  for (const double s : seconds) {
    const double end = free_at.top() + s;
    free_at.pop();
    free_at.push(end);
    last = std::max(last, end);
  }
  return last;
}

}  // namespace snellen
