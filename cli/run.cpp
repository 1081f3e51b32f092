#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "bounds/distance.hpp"
#include "bounds/engine_run.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::string profile;
};

// At most about this many lengths are shown, evenly on a log axis, the first and the last among them.
constexpr int shown_lengths = 24;

std::set<std::int64_t> lengths_to_show(std::int64_t from, std::int64_t to) {
  std::set<std::int64_t> shown;
  const double ratio = static_cast<double>(to - from + 1);
  for (int i = 0; i <= shown_lengths; ++i) shown.insert(from + std::llround(std::pow(ratio, static_cast<double>(i) / shown_lengths)) - 1);
  return shown;
}

// What the run itself shows: its two vectors are the same numbers, or not, or hold something that is no number.
Verdict verdict_of(const std::vector<double>& a, const std::vector<double>& b) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(a.begin(), a.end(), finite) || !std::all_of(b.begin(), b.end(), finite)) return Verdict::overflow;
  return a == b ? Verdict::collapsed : Verdict::distinct;
}

std::string text(const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : "none"; }

int run_case(const Options& options) {
  prepare_threads(options.threads);
  const auto profile = find_profile(options.profile);
  if (!profile) {
    std::string names;
    for (const Profile& known : shipped_profiles()) names += (names.empty() ? "" : ", ") + known.name;
    throw InputError("--profile", "found \"" + options.profile + "\", expected one of " + names);
  }
  const Case c = read_case(options);
  const Model model = load_model(c);
  const Family& family = c.request.family;
  const FamilyBlock block = family_block(family);
  CommandProgress progress(options.quiet);
  const EngineVectors run = run_engine(model, *profile, block, c.request.at, false, progress);
  progress.end();

  std::vector<std::vector<std::string>> rows = {{"n"}};
  for (const Metric metric : c.request.metrics) rows[0].push_back(std::string(name_of(metric)));
  rows[0].push_back("the two vectors are");
  std::vector<Verdict> verdicts;
  const std::set<std::int64_t> shown = lengths_to_show(family.from, family.to);
  const std::vector<std::size_t> read = wanted_columns(block);
  const auto vector_of = [&](std::size_t column) -> const std::vector<double>& {
    return run.vectors[static_cast<std::size_t>(std::lower_bound(read.begin(), read.end(), column) - read.begin())];
  };
  for (std::int64_t n = family.from; n <= family.to; ++n) {
    const auto i = static_cast<std::size_t>(n - family.from);
    const std::vector<double>&a = vector_of(block.first[i]), &b = vector_of(block.second[i]);
    verdicts.push_back(verdict_of(a, b));
    if (!shown.count(n)) continue;
    rows.push_back({std::to_string(n)});
    for (const Metric metric : c.request.metrics) {
      constexpr long bits = 128;
      rows.back().push_back(verdicts.back() == Verdict::overflow ? "-" : distance(metric, a, b, bits).upper.decimal(6, MPFR_RNDN));
    }
    rows.back().push_back(verdicts.back() == Verdict::overflow ? "not finite" : verdicts.back() == Verdict::collapsed ? "identical" : "different");
  }
  const Observed observed = summarise_run(profile->name, verdicts, family.from);
  fmt::print("{}: engine run of profile {} ({})\n\n{}\n", c.request.title, profile->name, profile->description,
             table(std::string(c.request.metrics.size() + 1, 'r') + "l", rows));
  fmt::print("last different pair: n = {}; first identical pair: n = {}; identical from n = {} to the horizon {}\n", text(observed.last_distinct),
             text(observed.first_collapse), text(observed.collapsed_from), family.to);
  if (!run.trouble) return exit_passed;
  fmt::print("first {}: {}, position {}\n", run.trouble->what, run.trouble->place, run.trouble->position);
  return exit_failed;
}

}  // namespace

void add_run(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("run", "Run a case in an emulated engine: what that run shows, up to the horizon");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--profile", options->profile, "the engine's profile (snellen profiles lists them)")->required();
  verb->callback([options, &chosen] { chosen = [options] { return run_case(*options); }; });
}

}  // namespace snellen
