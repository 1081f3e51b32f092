#include "cases/sweep/run.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <map>
#include <set>
#include <nlohmann/json.hpp>

#include "cases/sweep/point_body.hpp"
#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/version.hpp"

namespace snellen {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int wait_milliseconds = 100;
constexpr std::chrono::seconds between_looks(1);
constexpr int most_attempts = 3;

class Run {
 public:
  Run(const Sweep& sweep, const SweepFolder& folder, const RunRequest& request, RunObserver& observer)
      : sweep_(sweep), folder_(folder), request_(request), observer_(observer), states_(sweep.points.size(), State::open), pool_(request.workers),
        current_(request.workers.size()) {
    for (const std::size_t point : request.points) look(point);
  }

  RunOutcome work() {
    touched_ = looked_ = Clock::now();
    while (true) {
      obey();
      for (std::size_t w = 0; w < current_.size(); ++w)
        if (!current_[w] && !ending()) begin_next(w);
      if (running() == 0 && (ending() || !waits_for_others())) break;
      for (const WorkerEvent& event : pool_.wait(wait_milliseconds)) take(event);
      if (Clock::now() - touched_ >= std::chrono::seconds(claim_touch_seconds)) touch();
      observer_.tick(there_, running());
    }
    for (std::size_t w = 0; w < pool_.size(); ++w) pool_.finish(w);
    RunOutcome outcome;
    for (const std::size_t point : request_.points) {
      if (states_[point] != State::there && folder_.has(sweep_.points[point].name)) states_[point] = State::there;
      outcome.there += states_[point] == State::there;
      outcome.elsewhere += states_[point] == State::elsewhere || states_[point] == State::unclear;
      outcome.failed += failed_.count(point);
    }
    outcome.stopped = stop_ != Stop::no;
    outcome.storage = storage_;
    return outcome;
  }

 private:
  enum class State { open, running, there, elsewhere, unclear };
  struct Current {
    std::size_t point;
    PointClaim claim;
  };

  bool ending() const { return stop_ != Stop::no || storage_; }
  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& current : current_) count += current.has_value();
    return count;
  }

  // What the folder has of a point.
  void look(std::size_t point) {
    const PointRead read = folder_.read(sweep_.points[point].name);
    if (!read.problem.empty()) observer_.corrupt(point, read.problem);
    states_[point] = State::open;
    if (!read.point) return;
    const PointStatus status = status_of(read.point->body);
    if (status == PointStatus::failed_again || (status == PointStatus::failed && request_.retry_failed)) {
      again_.insert(point);
      return;
    }
    states_[point] = State::there, ++there_;
    if (status == PointStatus::failed) failed_[point] = true;
  }

  void obey() {
    const Stop wanted = request_.stop ? request_.stop() : Stop::no;
    if (wanted > stop_) {
      stop_ = wanted;
      if (stop_ == Stop::now) pool_.signal_all(SIGTERM);
    }
  }

  // The next point that nobody has begun.
  void begin_next(std::size_t worker) {
    for (; next_ < request_.points.size(); ++next_)
      if (begin(worker, request_.points[next_])) {
        ++next_;
        return;
      }
    // Then those that were in doubt.
    if (Clock::now() - looked_ < between_looks) return;
    looked_ = Clock::now();
    for (const std::size_t point : request_.points)
      if (states_[point] == State::unclear && begin(worker, point)) return;
  }

  bool begin(std::size_t worker, std::size_t point) {
    const std::string& name = sweep_.points[point].name;
    if (states_[point] == State::there || states_[point] == State::running) return false;
    const bool again = again_.count(point) > 0;
    if (!again && folder_.has(name)) return arrived(point);
    PointClaim::Attempt attempt = folder_.claim(name);
    if (attempt.state != PointClaim::State::taken) {
      states_[point] = attempt.state == PointClaim::State::held ? State::elsewhere : State::unclear;
      return false;
    }
    if (!again && folder_.has(name)) return arrived(point);  // written between our two looks
    states_[point] = State::running;
    idle_since_.reset();
    current_[worker].emplace(Current{point, std::move(*attempt.claim)});
    pool_.send(worker, fmt::format("{} {}", point, name));
    return true;
  }

  bool arrived(std::size_t point) {
    states_[point] = State::there, ++there_;
    return false;
  }

  // Claims of other machines that may be dead: within a minute they are dead for certain, or alive and theirs.
  bool waits_for_others() {
    if (!idle_since_) idle_since_ = Clock::now();
    const bool long_enough = Clock::now() - *idle_since_ > std::chrono::seconds(claim_stale_seconds + 2 * claim_touch_seconds);
    for (const std::size_t point : request_.points)
      if (states_[point] == State::unclear && !long_enough) return true;
    return false;
  }

  void touch() {
    touched_ = Clock::now();
    for (const auto& current : current_)
      if (current) current->claim.touch();
  }

  void take(const WorkerEvent& event) {
    std::optional<Current>& current = current_[event.worker];
    if (!current) return;  // it ended after its last point
    PointReport report;
    report.point = current->point;
    report.threads = request_.workers[event.worker].threads;
    if (!event.answer) {
      // Asked to end, by us or by somebody else: that says nothing of the point.
      if (stop_ == Stop::now || (event.in_order && ++given_up_[current->point] < most_attempts)) return give_up(*current, event.worker);
      const bool killed = event.ending.find("signal 9") != std::string::npos;
      report.error = "the process that computed it " + event.ending + (killed ? " (out of memory?)" : "");
      record_failure(report, true);
    } else {
      const auto answer = nlohmann::json::parse(*event.answer, nullptr, false);
      const std::string status = answer.is_object() ? answer.value("status", "") : "";
      if (status == "interrupted") return;  // its process ends now
      if (status == "storage") {
        storage_ = answer.value("message", "");
        return give_up(*current, event.worker);
      }
      if (status != "done" && status != "failed") {
        report.error = "the process that computed it answered " + printable(*event.answer).substr(0, 200);
        record_failure(report, true);
      } else {
        report.failed = status == "failed";
        report.error = answer.value("message", "");
        report.undecided = answer.value("undecided", false);
        report.seconds = answer.value("seconds", 0.0), report.processor_seconds = answer.value("processor_seconds", 0.0);
        report.megabytes = answer.value("megabytes", 0.0);
        if (report.failed) failed_[report.point] = true;
      }
    }
    if (storage_) return give_up(*current, event.worker);
    states_[report.point] = State::there, ++there_;
    again_.erase(report.point);
    current.reset();  // gives the claim back
    observer_.finished(report);
  }

  void record_failure(PointReport& report, bool again) {
    report.failed = true;
    failed_[report.point] = true;
    const SweepPoint& point = sweep_.points[report.point];
    try {
      folder_.write(point.name, {failed_body(sweep_, point, report.error, again), version().commit});
    } catch (const InputError& error) {
      storage_ = error.what();
    }
  }

  void give_up(const Current& current, std::size_t worker) {
    states_[current.point] = State::open;
    next_ = 0;  // it is still to be done
    current_[worker].reset();
  }

  const Sweep& sweep_;
  const SweepFolder& folder_;
  const RunRequest& request_;
  RunObserver& observer_;
  std::vector<State> states_;
  std::set<std::size_t> again_;  // they have a file, with an error
  std::map<std::size_t, bool> failed_;
  std::map<std::size_t, int> given_up_;  // how often, by a worker that somebody else asked to end
  WorkerPool pool_;
  std::vector<std::optional<Current>> current_;  // by worker
  std::size_t next_ = 0, there_ = 0;
  Stop stop_ = Stop::no;
  std::optional<std::string> storage_;
  Clock::time_point touched_, looked_;
  std::optional<Clock::time_point> idle_since_;  // nothing is left but what others may have
};

}  // namespace

RunOutcome run_points(const Sweep& sweep, const SweepFolder& folder, const RunRequest& request, RunObserver& observer) {
  return Run(sweep, folder, request, observer).work();
}

}  // namespace snellen
