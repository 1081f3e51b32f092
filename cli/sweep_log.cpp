#include "cli/sweep_log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "cases/sweep/claim.hpp"
#include "cli/progress.hpp"
#include "cli/sweep_run_files.hpp"
#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds between_shows_on_terminal(200), between_shows_elsewhere(10'000);

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

RunFile::RunFile(const fs::path& folder, const Json& settings) {
  const std::string started = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const fs::path path = folder / "runs" / fmt::format("{}-{}-{}.jsonl", started, host_name(), getpid());
  descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) throw InputError(printable(path.string()), std::string("cannot write the file: ") + std::strerror(errno));
  Json head = {{"schema", "snellen.run/1"}, {"started", started}, {"host", host_name()}, {"process", getpid()}};
  for (const auto& [key, value] : settings.items()) head[key] = value;
  write(head);
}

RunFile::~RunFile() { close(descriptor_); }

// Whole lines, one at a time: what is measured outlives a kill.
void RunFile::write(const Json& line) const {
  const std::string text = dumped(line) + "\n";
  while (::write(descriptor_, text.data(), text.size()) < 0 && errno == EINTR) {
  }
}

void RunFile::add(const Sweep& sweep, const PointReport& report) {
  const Json line = {{"point", sweep.points[report.point].name}, {"status", report.failed ? "failed" : "done"}, {"seconds", report.seconds},
                     {"processor_seconds", report.processor_seconds}, {"megabytes", report.megabytes}, {"threads", report.threads}};
  write(line);
}

std::vector<MeasuredPoint> measured_points(const Sweep& sweep, const fs::path& folder) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < sweep.points.size(); ++i) index[sweep.points[i].name] = i;
  std::vector<MeasuredPoint> result;
  for (const std::vector<Json>& lines : run_files(folder))
    for (const Json& line : lines) {
      const auto point = index.find(text_of(line, "point"));
      if (text_of(line, "status") != "done" || point == index.end()) continue;
      const double threads = std::clamp(measure_of(line, "threads"), 1.0, 65536.0);
      result.push_back({point->second, measure_of(line, "seconds"), measure_of(line, "processor_seconds"), measure_of(line, "megabytes"), static_cast<int>(threads)});
    }
  return result;
}

SweepLog::SweepLog(const Sweep& sweep, RunFile& file, CostModel& cost, Settings settings)
    : sweep_(sweep), file_(file), cost_(cost), settings_(std::move(settings)), terminal_(isatty(STDERR_FILENO) != 0), there_(sweep.points.size(), false),
      began_(Clock::now()), shown_(began_) {}

void SweepLog::finished(const PointReport& report) {
  ++finished_;
  there_[report.point] = true;
  file_.add(sweep_, report);
  if (!report.failed) cost_.measured(report.point, report.seconds);
  clear();
  const SweepPoint& point = sweep_.points[report.point];
  const std::string what = printable(sweep_.describe(point));
  if (report.failed)
    fmt::print(stderr, "{}{} {}: failed: {}\n", settings_.prefix, point.name.substr(0, 8), what, printable(report.error));
  else if (!settings_.quiet)
    fmt::print(stderr, "{}{} {}: {} in {}, {:.0f} MB\n", settings_.prefix, point.name.substr(0, 8), what, report.undecided ? "undecided in part" : "done",
               duration(report.seconds), report.megabytes);
}

void SweepLog::corrupt(std::size_t point, const std::string& problem) {
  clear();
  fmt::print(stderr, "{}points/{}.json: {}: set aside as .corrupt, and computed again ({})\n", settings_.prefix, sweep_.points[point].name, problem,
             printable(sweep_.describe(sweep_.points[point])));
}

void SweepLog::tick(std::size_t there, std::size_t running) {
  if (exchange) exchange(finished_);
  if (!ticked_) first_there_ = there - finished_, ticked_ = true;
  if (settings_.quiet || !settings_.total || Clock::now() - shown_ < (terminal_ ? between_shows_on_terminal : between_shows_elsewhere)) return;
  shown_ = Clock::now();
  const std::size_t by_others = others ? others() : 0;
  const std::size_t all = std::min(settings_.points, std::max(there, first_there_ + finished_ + by_others));
  std::string line = fmt::format("{}{} of {} points, {} running", settings_.prefix, all, settings_.points, running);
  if (finished_ > 0) {
    // Measured points stand for those still to come: their share of the predicted whole, over the workers.
    const std::vector<double> predicted = cost_.predict();
    double sum = 0, done = 0;
    for (std::size_t i = 0; i < predicted.size(); ++i) sum += predicted[i], done += there_[i] ? predicted[i] : 0;
    const double share = static_cast<double>(settings_.points - all) / static_cast<double>(std::max<std::size_t>(1, predicted.size() - finished_));
    line += fmt::format(", {} left", duration((sum - done) * std::min(1.0, share) / static_cast<double>(std::max<std::size_t>(1, settings_.workers))));
  }
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
  line_open_ = terminal_;
}

void SweepLog::clear() {
  if (line_open_) fmt::print(stderr, "\r\x1b[K");
  line_open_ = false;
}

}  // namespace snellen
