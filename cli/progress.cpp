#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/interrupt.hpp"

namespace snellen {
namespace {

constexpr std::chrono::milliseconds between_shows_on_terminal(100), between_shows_elsewhere(10'000);

std::string rate(double per_second) {
  return per_second >= 1 || per_second <= 0 ? fmt::format("{:.3g}/s", per_second) : fmt::format("{} each", duration(1 / per_second));
}

}  // namespace

std::string duration(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  const auto minutes = static_cast<long>(seconds / 60 + 0.5);
  return minutes < 120 ? fmt::format("{} min", minutes) : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

CommandProgress::CommandProgress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

void CommandProgress::begin(const std::string& phase, std::size_t steps) {
  end();
  if (interrupted()) throw Interrupted();
  running_ = true;
  phase_ = phase, steps_ = steps, done_ = 0;
  began_ = shown_ = Clock::now();
  if (terminal_) show();
}

void CommandProgress::step() {
  ++done_;
  if (interrupted()) throw Interrupted();
  if (Clock::now() - shown_ >= (terminal_ ? between_shows_on_terminal : between_shows_elsewhere)) show();
}

void CommandProgress::end() {
  if (!running_) return;
  running_ = false;
  phases_.emplace_back(phase_, seconds());
  clear();
  if (!quiet_) fmt::print(stderr, "{}: {} of {} in {}\n", phase_, done_, steps_, duration(seconds()));
}

void CommandProgress::show() {
  shown_ = Clock::now();
  if (quiet_) return;
  std::string line = fmt::format("{}: {} of {}", phase_, done_, steps_);
  if (done_ > 0) {
    const double speed = static_cast<double>(done_) / seconds();
    line += fmt::format(", {}, {} left", rate(speed), duration(static_cast<double>(steps_ - std::min(done_, steps_)) / speed));
  }
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
  line_open_ = terminal_;
}

void CommandProgress::clear() {
  if (line_open_) fmt::print(stderr, "\r\x1b[K");
  line_open_ = false;
}

}  // namespace snellen
