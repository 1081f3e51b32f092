// Many cases in one run: as processes beside each other, as MPI ranks, as shards, and again after a kill.
#include <fmt/format.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <set>

#include "cases/sweep/cost.hpp"
#include "cases/sweep/folder.hpp"
#include "cases/sweep/plan.hpp"
#include "cases/sweep/run.hpp"
#include "cases/sweep/shard.hpp"
#include "cases/sweep/sweep.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/ranks.hpp"
#include "cli/sweep_log.hpp"
#include "cli/sweep_merge.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/files/durable.hpp"
#include "reports/environment.hpp"
#include "reports/json_report.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Options {
  std::string file, out, shard;
  int threads = 0, workers = 0;
  double plan_seconds = 60;
  bool quiet = false, plan = false, extend = false, retry = false, assist = false, pin = false, no_merge = false;
};

fs::path folder_of(const Options& options, const Sweep& sweep) {
  return options.out.empty() ? fs::path("reports/generated") / sweep.name : fs::path(options.out);
}

int threads_of(const Options& options) {
  if (options.threads > 0) return options.threads;
  if (const auto slurm = slurm_threads()) return *slurm;
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// As many workers as threads, unless there are fewer points: a small point cannot fill two threads, two points can.
std::vector<WorkerSettings> workers_of(const Options& options, const fs::path& folder, std::size_t points) {
  const int threads = threads_of(options);
  const int count = std::max(1, options.workers > 0 ? options.workers : std::min(threads, static_cast<int>(std::min<std::size_t>(points, 100'000))));
  const std::vector<int> processors = options.pin ? allowed_processors() : std::vector<int>();
  std::vector<WorkerSettings> workers;
  std::size_t next = 0;
  for (int w = 0; w < count; ++w) {
    const int share = std::max(1, threads / count + (w < threads % count ? 1 : 0));
    WorkerSettings worker;
    worker.threads = share;
    worker.command = {fs::read_symlink("/proc/self/exe").string(), "sweep-worker", options.file, folder.string(), "--threads", std::to_string(share)};
    for (int t = 0; t < share && next < processors.size(); ++t) worker.processors.push_back(processors[next++]);
    workers.push_back(std::move(worker));
  }
  return workers;
}

// This process's environment: build, machine, settings, and what the scheduler and OpenMP were told.
Json settings_of(const Sweep& sweep, const Options& options, const std::vector<WorkerSettings>& workers, int rank, int ranks, const std::optional<Shard>& shard) {
  Environment environment = this_environment();
  environment.threads = threads_of(options);
  Json settings = environment_report(environment);
  settings.erase("schema"), settings.erase("phases");
  settings["sweep"] = sweep.sha256;
  Json threads = Json::array();
  for (const WorkerSettings& worker : workers) threads.push_back(worker.threads);
  settings["worker_threads"] = std::move(threads);
  settings["processors"] = allowed_processors();
  settings["pinned"] = options.pin;
  settings["rank"] = rank, settings["ranks"] = ranks;
  settings["shard"] = shard ? Json(fmt::format("{}/{}", shard->index, shard->count)) : Json(nullptr);
  std::set<std::string> variables;
  for (char** variable = environ; *variable; ++variable)
    for (const std::string_view start : {"SLURM_", "OMP_", "GOMP_"})
      if (std::string_view(*variable).starts_with(start)) variables.insert(*variable);
  settings["variables"] = variables;
  return settings;
}

// The points of this process, the longest first: of a shard every count-th, and with --assist the others' after them.
std::vector<std::size_t> points_of(const std::vector<double>& work, const std::optional<Shard>& shard, bool assist) {
  const std::vector<std::size_t> order = longest_first(work);
  if (!shard) return order;
  std::vector<std::size_t> mine, others;
  for (std::size_t k = 0; k < order.size(); ++k) (k % shard->count == shard->index - 1 ? mine : others).push_back(order[k]);
  if (assist) mine.insert(mine.end(), others.begin(), others.end());
  return mine;
}

void print_plan(const Sweep& sweep, const SweepPlan& plan, int threads) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < plan.seconds.size(); ++i)
    if (plan.seconds[i] > plan.seconds[longest]) longest = i;
  fmt::print("{}: {} points, {} of them measured with {} each\n\n", sweep.title, sweep.points.size(), plan.measured, threads == 1 ? "1 thread" : fmt::format("{} threads", threads));
  fmt::print("{}", table("lr", {{"predicted", ""},
                                {"core hours", fmt::format("{:.3g} ({} of one core)", plan.core_hours(), duration(3600 * plan.core_hours()))},
                                {"memory a point, at most", fmt::format("{:.0f} MB", plan.most_megabytes())},
                                {"longest point", duration(plan.seconds[longest])}}));
  fmt::print("  ({})\n", sweep.describe(sweep.points[longest]));
  if (plan.measured > 1) fmt::print("a measured point, predicted from the others, is off by a factor of about {:.2g}\n", plan.factor);
  fmt::print("\n");
  std::vector<std::vector<std::string>> rows = {{"points at a time", "wall time", "memory", "busy"}};
  double sum = 0;
  for (const double seconds : plan.seconds) sum += seconds;
  for (std::size_t workers = 1; workers < 2 * sweep.points.size(); workers *= 2) {
    const std::size_t count = std::min(workers, sweep.points.size());
    const double wall = makespan(plan.seconds, count);
    rows.push_back({std::to_string(count), duration(wall), fmt::format("{:.1f} GB", static_cast<double>(count) * plan.most_megabytes() / 1024),
                    fmt::format("{:.0f} %", 100 * sum / (wall * static_cast<double>(count)))});
  }
  fmt::print("{}", table("rrrr", rows));
}

bool complete(const Sweep& sweep, const SweepFolder& folder) {
  return std::all_of(sweep.points.begin(), sweep.points.end(), [&](const SweepPoint& point) { return folder.has(point.name); });
}

// Some points are computed, and kept; from what they took the rest is predicted.
int plan_sweep(const Options& options) {
  const Sweep sweep = read_sweep(options.file);
  const fs::path path = folder_of(options, sweep);
  const SweepFolder folder = SweepFolder::open(path, sweep, options.extend);
  const std::vector<double> work = counted_work(sweep);
  CostModel cost(sweep, work);
  RunRequest request;
  request.points = cost.worth_measuring(std::clamp<std::size_t>(sweep.points.size() / 8, 12, 60));
  request.workers = workers_of(options, path, request.points.size());
  const auto began = std::chrono::steady_clock::now();
  request.stop = [&] {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (interrupted()) return interrupted_with_notice() ? Stop::after_points : Stop::now;
    return seconds > 2 * options.plan_seconds ? Stop::now : seconds > options.plan_seconds ? Stop::after_points : Stop::no;
  };
  RunFile file(path, settings_of(sweep, options, request.workers, 0, 1, {}));
  SweepLog log(sweep, file, cost, {options.quiet, true, "", request.points.size(), request.workers.size()});
  const RunOutcome outcome = run_points(sweep, folder, request, log);
  log.clear();
  if (outcome.storage) throw InputError(*outcome.storage, "no plan can be made");
  if (interrupted()) return exit_interrupted;
  const SweepPlan plan = plan_of(sweep, work, measured_points(sweep, path));
  if (plan.measured == 0)
    throw InputError(fmt::format("--plan-seconds {}", options.plan_seconds), "found that no point was finished in twice this time, expected more: --plan-seconds N");
  replace_file(path / "plan.json", json_text({{"schema", "snellen.plan/1"}, {"sweep", sweep.sha256}, {"measured", plan.measured}, {"core_seconds", 3600 * plan.core_hours()}}));
  print_plan(sweep, plan, request.workers[0].threads);
  fmt::print("\nThe {} points that were measured are kept in {}\n", plan.measured, path.string());
  return exit_passed;
}

int run_sweep(const Options& options) {
  const std::optional<Shard> shard = options.shard.empty() ? slurm_shard() : std::optional(parse_shard(options.shard));
  const Sweep sweep = read_sweep(options.file);
  const fs::path path = folder_of(options, sweep);
  Ranks ranks;
  std::optional<SweepFolder> folder;
  if (ranks.first()) folder.emplace(SweepFolder::open(path, sweep, options.extend));
  ranks.agree(sweep.sha256, path);
  if (!ranks.first()) folder.emplace(SweepFolder::open(path, sweep, false));

  const std::vector<double> work = counted_work(sweep);
  RunRequest request;
  request.points = points_of(work, shard, options.assist);
  request.workers = workers_of(options, path, request.points.size());
  request.retry_failed = options.retry;
  request.stop = [&] {
    if (!interrupted() && !ranks.stop()) return Stop::no;
    return interrupted_with_notice() ? Stop::after_points : Stop::now;
  };
  CostModel cost(sweep, work);
  for (const MeasuredPoint& m : measured_points(sweep, path)) cost.measured(m.point, m.seconds);
  RunFile file(path, settings_of(sweep, options, request.workers, ranks.rank(), ranks.size(), shard));
  SweepLog log(sweep, file, cost, {options.quiet, ranks.first(), ranks.size() > 1 ? fmt::format("rank {}: ", ranks.rank()) : "", request.points.size(),
                                   request.workers.size() * static_cast<std::size_t>(ranks.size())});
  log.exchange = [&](std::size_t finished) { ranks.exchange(finished, interrupted()); };
  log.others = [&] { return ranks.finished_by_others(); };
  const RunOutcome outcome = run_points(sweep, *folder, request, log);
  log.clear();
  ranks.finish(log.finished_here(), outcome.stopped);
  if (outcome.storage) throw InputError(*outcome.storage, "the sweep ends here; every point that was finished is kept");
  if (!ranks.first()) return outcome.stopped ? exit_interrupted : exit_passed;

  const bool whole = complete(sweep, *folder);
  if (whole && !options.no_merge) {
    const Merged merged = merge_sweep(*folder);
    print_merged(merged, *folder);
    return outcome.stopped ? exit_interrupted : exit_code_of(merged);
  }
  fmt::print("{} of {} points{} are there", outcome.there, request.points.size(), shard ? fmt::format(" of shard {}/{}", shard->index, shard->count) : "");
  if (outcome.failed > 0) fmt::print(", {} failed", outcome.failed);
  if (outcome.elsewhere > 0) fmt::print(", {} in the hands of other processes", outcome.elsewhere);
  fmt::print("\nIn {}\n", path.string());
  if (outcome.stopped) {
    fmt::print(stderr, "snellen: stopped on request; the same command goes on from here\n");
    return exit_interrupted;
  }
  return outcome.failed > 0 ? exit_failed : exit_passed;
}

}  // namespace

void add_sweep(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("sweep", "Certify a case for every combination of many settings; again after a kill, it does what is missing");
  const auto options = std::make_shared<Options>();
  verb->add_option("SWEEP", options->file, "the sweep, a .toml file")->required();
  verb->add_option("--out", options->out, "folder for points and results, shared by all processes (default: reports/generated/SWEEP)");
  verb->add_option("--threads", options->threads, "threads of this process, over all points that run at a time (default: SLURM_CPUS_PER_TASK, or every core)")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--workers", options->workers, "points that run at a time (default: one a thread)")->check(CLI::Range(1, 4096));
  verb->add_option("--shard", options->shard, "i/N: the i-th of N parts (default: what SLURM says of a job array)");
  verb->add_flag("--assist", options->assist, "when its own part is done, take what other shards have not begun");
  verb->add_flag("--pin", options->pin, "keep each worker on processors of its own (where nothing else uses them)");
  verb->add_flag("--retry", options->retry, "compute points again that failed by themselves");
  verb->add_flag("--extend", options->extend, "the folder may hold another sweep: points that both have are kept");
  verb->add_flag("--plan", options->plan, "compute a few points, keep them, and predict time, memory and core hours of the whole");
  verb->add_option("--plan-seconds", options->plan_seconds, "how long to measure for --plan (default: 60)")->check(CLI::PositiveNumber);
  verb->add_flag("--no-merge", options->no_merge, "leave the results to `snellen merge`");
  verb->add_flag("--quiet", options->quiet, "no progress on standard error");
  verb->callback([options, &chosen] { chosen = [options] { return options->plan ? plan_sweep(*options) : run_sweep(*options); }; });
}

}  // namespace snellen
