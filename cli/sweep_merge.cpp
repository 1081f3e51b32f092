#include "cli/sweep_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "cases/sweep/point_body.hpp"
#include "cli/command.hpp"
#include "cli/sweep_run_files.hpp"
#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "reports/json_report.hpp"
#include "reports/sweep_hdf5.hpp"
#include "reports/sweep_report.hpp"
#include "reports/sweep_results.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

InputError not_a_result(const SweepFolder& folder, const std::string& name, const std::exception& problem) {
  return InputError(printable((folder.path() / "points" / (name + ".json")).string()), "line 2: " + printable(problem.what()) + ", expected a result as a sweep writes it");
}

// What depends on machines: every process that worked, and what the sweep took altogether.
Json environment_of(const SweepFolder& folder, const SweepResults& results, const std::map<std::string, std::size_t>& commits, double& core_seconds) {
  Json runs = Json::array();
  double seconds = 0, megabytes = 0;
  std::size_t measured = 0;
  std::map<std::string, double> by_point;  // a point that was computed twice counts once
  for (std::vector<Json>& lines : run_files(folder.path())) {
    if (lines.empty()) continue;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const double taken = measure_of(lines[i], "processor_seconds");
      seconds += taken, by_point[text_of(lines[i], "point")] = taken;
      megabytes = std::max(megabytes, measure_of(lines[i], "megabytes"));
    }
    measured += lines.size() - 1;
    lines[0]["points"] = lines.size() - 1;
    runs.push_back(std::move(lines[0]));
  }
  core_seconds = 0;
  for (const auto& [point, taken] : by_point) core_seconds += taken;
  std::map<long, std::size_t> precisions;
  std::set<std::string> models;
  for (const SweepPointResult& point : results.points) {
    if (point.failed()) continue;
    ++precisions[point.report.at("precision_bits").get<long>()];
    models.insert(point.report.at("model").at("sha256").get<std::string>());
  }
  Json precision = Json::object(), seeds = Json::object(), made_by = Json::object();
  for (const auto& [bits, points] : precisions) precision[std::to_string(bits)] = points;
  for (const SweepAxisSummary& axis : results.axes)
    if (axis.seeds) seeds[axis.label] = axis.names;
  for (const auto& [commit, points] : commits) made_by[commit] = points;
  return {{"schema", "snellen.sweep-environment/1"},
          {"sweep", results.sha256},
          {"points_by_commit", std::move(made_by)},
          {"points_by_precision_bits", std::move(precision)},
          {"seeds", std::move(seeds)},
          {"model_sha256", models},
          {"core_hours", seconds / 3600},
          {"points_measured", measured},
          {"most_megabytes_of_a_point", megabytes},
          {"runs", std::move(runs)}};
}

}  // namespace

Merged merge_sweep(const SweepFolder& folder) {
  const SweepFolder::Merging lock = folder.merging();
  Merged merged;
  SweepResults results = sweep_results(folder.manifest());
  merged.expected = results.expected;
  std::map<std::string, std::size_t> commits;
  std::string lines;
  for (const auto& entry : folder.manifest()["points"]) {
    const std::string name = entry.at(0).get<std::string>();
    const PointRead read = folder.read(name);
    if (!read.problem.empty())
      merged.warnings.push_back(fmt::format("points/{}.json: {}: set aside as .corrupt; run the sweep again to compute this point", name, read.problem));
    if (!read.point) continue;
    try {
      add_point(results, name, entry.at(1).get<std::vector<std::size_t>>(), read.point->body);
    } catch (const InputError& error) {
      throw not_a_result(folder, name, error);
    } catch (const nlohmann::json::exception& error) {  // a field that is missing, or of another kind
      throw not_a_result(folder, name, error);
    }
    lines += read.point->body + "\n";
    ++commits[read.point->commit];
    const SweepPointResult& point = results.points.back();
    merged.failed += point.failed();
    merged.undecided += std::any_of(point.rows.begin(), point.rows.end(), [](const SweepRow& row) { return row.undecided > 0; });
  }
  merged.points = results.points.size();
  if (commits.size() > 1) {
    std::string text;
    for (const auto& [commit, count] : commits) text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", count, commit);
    merged.warnings.push_back("the points were computed by different commits of Snellen: " + text);
  }
  for (const auto& [commit, count] : commits) results.commits.push_back(commit);
  const Json environment = environment_of(folder, results, commits, merged.core_seconds);
  std::vector<File> files = {{"environment.json", json_text(environment)},
                             {"results.jsonl", std::move(lines)},
                             {"results.csv", sweep_csv(results)}};
  const HdfFile hdf = sweep_hdf5(results);
  if (hdf.problem.empty())
    files.push_back({"results.h5", hdf.content});
  else
    merged.warnings.push_back("no results.h5: " + hdf.problem);
  files.push_back({"report.html", sweep_report(results, merged.warnings)});
  write_all_or_none(files, folder.path());
  if (merged.points == merged.expected) folder.tidy();
  return merged;
}

void print_merged(const Merged& merged, const SweepFolder& folder) {
  for (const std::string& warning : merged.warnings) fmt::print(stderr, "snellen: {}\n", warning);
  fmt::print("{} of {} points", merged.points, merged.expected);
  if (merged.failed > 0) fmt::print(", {} failed", merged.failed);
  if (merged.undecided > 0) fmt::print(", {} undecided in part", merged.undecided);
  if (merged.points < merged.expected) fmt::print(", {} missing", merged.expected - merged.points);
  fmt::print("\n");
  // What was predicted beside what it took, where somebody had asked for a plan.
  const fs::path path = folder.path() / "plan.json";
  std::ifstream file;
  if (std::error_code error; fs::is_regular_file(path, error)) file.open(path, std::ios::binary);
  const Json plan = Json::parse(file, nullptr, false);
  const double planned = plan.is_object() ? measure_of(plan, "core_seconds") : 0;
  if (merged.core_seconds > 0 && merged.points == merged.expected && planned > 0 && text_of(plan, "sweep") == folder.manifest().at("sha256").get<std::string>())
    fmt::print("{:.3g} core hours planned, {:.3g} taken: a factor of {:.2f}\n", planned / 3600, merged.core_seconds / 3600, merged.core_seconds / planned);
  fmt::print("Written to {}\n", folder.path().string());
}

int exit_code_of(const Merged& merged) {
  if (merged.failed > 0) return exit_failed;
  return merged.undecided > 0 || merged.points < merged.expected ? exit_inconclusive : exit_passed;
}

namespace {

struct MergeOptions {
  std::string folder;
  std::vector<std::string> others;
};

// Points that another folder of the same sweep has: for shards without a file system in common.
void bring(const SweepFolder& folder, const std::string& from) {
  const SweepFolder other = SweepFolder::open(from);
  if (other.manifest()["sha256"] != folder.manifest()["sha256"])
    throw InputError(printable(from), "found another sweep, \"" + printable(other.manifest().at("title").get<std::string>()) + "\", expected the one of " + printable(folder.path().string()));
  for (const auto& entry : folder.manifest()["points"]) {
    const std::string name = entry.at(0).get<std::string>();
    const PointRead mine = folder.read(name), theirs = other.read(name);
    if (!theirs.point) continue;
    if (!mine.point || (status_of(mine.point->body) != PointStatus::done && status_of(theirs.point->body) == PointStatus::done)) folder.write(name, *theirs.point);
  }
}

int merge(const MergeOptions& options) {
  const SweepFolder folder = SweepFolder::open(options.folder);
  for (const std::string& other : options.others) bring(folder, other);
  const Merged merged = merge_sweep(folder);
  print_merged(merged, folder);
  return exit_code_of(merged);
}

}  // namespace

void add_merge(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("merge", "Make the results of a sweep from the points that are there; as often as you like");
  const auto options = std::make_shared<MergeOptions>();
  verb->add_option("FOLDER", options->folder, "the folder of a sweep")->required();
  verb->add_option("OTHERS", options->others, "folders of the same sweep, whose points are brought here first");
  verb->callback([options, &chosen] { chosen = [options] { return merge(*options); }; });
}

}  // namespace snellen
