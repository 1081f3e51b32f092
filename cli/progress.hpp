// Progress on standard error: what is done, how fast, how long it will take. One line that rewrites itself on a terminal, a line now and then
// elsewhere, nothing with --quiet. Keeps the time of every phase.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "lib/progress.hpp"

namespace snellen {

// "3.2 s", "45 s", "12 min", "2 h 5 min".
std::string duration(double seconds);

class CommandProgress final : public Progress {
 public:
  explicit CommandProgress(bool quiet);
  ~CommandProgress() override { clear(); }
  CommandProgress(const CommandProgress&) = delete;
  CommandProgress& operator=(const CommandProgress&) = delete;

  void begin(const std::string& phase, std::size_t steps) override;
  void step() override;  // throws Interrupted after Ctrl-C
  // Ends the phase, and the line; to be called before anything else is printed.
  void end();

  // Every phase that has ended, with its wall time in seconds.
  const std::vector<std::pair<std::string, double>>& phases() const { return phases_; }

 private:
  using Clock = std::chrono::steady_clock;
  double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }
  void show();
  void clear();

  bool quiet_, terminal_;
  bool running_ = false, line_open_ = false;
  std::string phase_;
  std::size_t steps_ = 0, done_ = 0;
  Clock::time_point began_, shown_;
  std::vector<std::pair<std::string, double>> phases_;
};

}  // namespace snellen
