// What a whole sweep will take, from points that were measured: to size an allocation before it is asked for.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

#include "cases/sweep/cost.hpp"
#include "cases/sweep/sweep.hpp"

namespace snellen {

struct MeasuredPoint {
  std::size_t point;
  double seconds, processor_seconds, megabytes;  // wall time, user and system time, the most resident memory
  int threads;
};

struct SweepPlan {
  std::vector<double> seconds, processor_seconds, megabytes;  // of every point
  std::size_t measured = 0;                                   // points
  double factor = 1;  // by which the time of one point, predicted from the others measured, is off: root mean square of the logarithm; 1: nothing to judge by
  double core_hours() const;
  double most_megabytes() const;
};
// Points measured with as many threads as most of them were.
SweepPlan plan_of(const Sweep& sweep, const std::vector<double>& work, const std::vector<MeasuredPoint>& measured);

// Wall time of the points on so many workers, each taking the longest that is left.
double makespan(std::vector<double> seconds, std::size_t workers);

}  // namespace snellen
