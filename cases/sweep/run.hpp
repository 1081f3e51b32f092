// One process of a sweep: takes point after point, hands them to its workers, and keeps what comes back.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cases/sweep/folder.hpp"
#include "cases/sweep/sweep.hpp"
#include "cases/sweep/worker_pool.hpp"

namespace snellen {

enum class Stop {
  no,
  after_points,  // begin no further point
  now,           // points that are being computed end at their next step, without a result
};

// What became of a point in this process.
struct PointReport {
  std::size_t point;
  bool failed = false;
  std::string error;         // of one that failed
  bool undecided = false;    // something up to the horizon
  double seconds = 0, processor_seconds = 0, megabytes = 0;  // wall time, user and system time, the most resident memory
  int threads = 0;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void finished(const PointReport& report) = 0;
  virtual void corrupt(std::size_t point, const std::string& problem) = 0;  // its file was set aside
  // Several times a second: how many points of the list are there, and those that run.
  virtual void tick(std::size_t there, std::size_t running) = 0;
};

struct RunRequest {
  std::vector<std::size_t> points;      // to be there in the end, in the order in which they are begun
  std::vector<WorkerSettings> workers;
  bool retry_failed = false;            // also points that failed by themselves
  std::function<Stop()> stop;           // asked several times a second
};

struct RunOutcome {
  std::size_t there = 0;                // points of the list that have a result, or an error, whoever computed them
  std::size_t failed = 0;               // of those with an error
  std::size_t elsewhere = 0;            // in the hands of other processes when this one had nothing left to do
  bool stopped = false;
  std::optional<std::string> storage;   // why results cannot be written: the run ended for that
};

// Throws InputError where the folder cannot be worked in.
RunOutcome run_points(const Sweep& sweep, const SweepFolder& folder, const RunRequest& request, RunObserver& observer);

}  // namespace snellen
