// What a process of a sweep says while it works: one line a point and one of the whole on standard error, and a file in runs/ with its environment and what each
// point took.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cases/sweep/cost.hpp"
#include "cases/sweep/plan.hpp"
#include "cases/sweep/run.hpp"

namespace snellen {

// The file runs/START-HOST-PROCESS.jsonl: its first line is the environment (schema snellen.run/1), the others are points. InputError where it cannot be opened, a link in its place
// included; what cannot be written to it is left out.
class RunFile {
 public:
  RunFile(const std::filesystem::path& folder, const nlohmann::ordered_json& settings);
  ~RunFile();
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;
  void add(const Sweep& sweep, const PointReport& report);

 private:
  void write(const nlohmann::ordered_json& line) const;
  int descriptor_;
};

// What earlier and other processes have measured of this sweep's points.
std::vector<MeasuredPoint> measured_points(const Sweep& sweep, const std::filesystem::path& folder);

class SweepLog final : public RunObserver {
 public:
  struct Settings {
    bool quiet = false;
    bool total = true;        // this process shows the whole
    std::string prefix;       // "rank 3: " before every line
    std::size_t points = 0;   // of the list that is worked on
    std::size_t workers = 1;  // of all processes that share it
  };
  // `extra` says how many points others have finished in the meantime.
  SweepLog(const Sweep& sweep, RunFile& file, CostModel& cost, Settings settings);
  ~SweepLog() override { clear(); }
  void finished(const PointReport& report) override;
  void corrupt(std::size_t point, const std::string& problem) override;
  void tick(std::size_t there, std::size_t running) override;
  void clear();

  std::function<void(std::size_t finished)> exchange;  // called at every tick, with what this process has finished
  std::function<std::size_t()> others;                 // points that other ranks have finished
  std::size_t finished_here() const { return finished_; }

 private:
  using Clock = std::chrono::steady_clock;
  const Sweep& sweep_;
  RunFile& file_;
  CostModel& cost_;
  Settings settings_;
  bool terminal_, line_open_ = false;
  std::size_t finished_ = 0, first_there_ = 0;
  bool ticked_ = false;
  std::vector<bool> there_;
  Clock::time_point began_, shown_;
};

}  // namespace snellen
