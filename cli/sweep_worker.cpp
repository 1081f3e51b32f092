// The process that computes the points of a sweep, started by it: reads "INDEX NAME", answers with a line of JSON. Not a verb for people.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "bounds/certify.hpp"
#include "cases/sweep/folder.hpp"
#include "cases/sweep/point_body.hpp"
#include "cases/sweep/sweep.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "lib/error.hpp"
#include "lib/version.hpp"
#include "reports/json_report.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string sweep, folder;
  int threads = 0;
};

double processor_seconds() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The most resident memory since the last reset, in MB; Linux keeps it.
void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }
double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  return 0;
}

Json compute(const Sweep& sweep, const SweepFolder& folder, const SweepPoint& point) {
  std::string body;
  Json answer;
  try {
    const Case c = case_of(sweep, point);
    CommandProgress progress(true);
    const Certification result = certify(c, progress);
    body = done_body(sweep, point, json_report(result));
    answer = {{"status", "done"}, {"undecided", result.undecided()}};
  } catch (const InputError& error) {
    body = failed_body(sweep, point, error.what(), false);
    answer = {{"status", "failed"}, {"message", error.what()}};
  } catch (const Interrupted&) {
    return {{"status", "interrupted"}};
  } catch (const std::bad_alloc&) {
    body = failed_body(sweep, point, "out of memory", true);
    answer = {{"status", "failed"}, {"message", "out of memory"}};
  }
  try {
    folder.write(point.name, {body, version().commit});
  } catch (const InputError& error) {
    return {{"status", "storage"}, {"message", error.what()}};
  }
  return answer;
}

int work(const Options& options) {
  catch_interrupts_of_a_worker();
  prepare_threads(options.threads);
  const Sweep sweep = read_sweep(options.sweep);
  const SweepFolder folder = SweepFolder::open(options.folder);
  for (std::string line; !interrupted() && std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::size_t index = 0;
    std::string name;
    words >> index >> name;
    Json answer;
    if (!words || index >= sweep.points.size() || sweep.points[index].name != name) {
      answer = {{"status", "storage"}, {"message", options.sweep + ": found other points than when the sweep began, expected the file, and its models, unchanged until it ends"}};
    } else {
      reset_peak_memory();
      const double began = processor_seconds();
      const auto clock = std::chrono::steady_clock::now();
      answer = compute(sweep, folder, sweep.points[index]);
      answer["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
      answer["processor_seconds"] = processor_seconds() - began;
      answer["megabytes"] = peak_megabytes();
    }
    fmt::print("{}\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);
  }
  return exit_passed;
}

}  // namespace

void add_sweep_worker(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("sweep-worker", "Started by sweep")->group("");
  const auto options = std::make_shared<Options>();
  verb->add_option("SWEEP", options->sweep)->required();
  verb->add_option("FOLDER", options->folder)->required();
  verb->add_option("--threads", options->threads)->check(CLI::Range(1, 4096));
  verb->callback([options, &chosen] { chosen = [options] { return work(*options); }; });
}

}  // namespace snellen
