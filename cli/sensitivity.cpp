#include <fmt/format.h>

#include <memory>

#include "bounds/sensitivity.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "reports/sensitivity_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::string out;
};

int measure_sensitivity(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  CommandProgress progress(options.quiet);
  const Sensitivity result = sensitivity(c, progress);
  progress.end();
  const std::filesystem::path generated = std::filesystem::path("reports/generated") / c.request.case_name;
  const std::filesystem::path folder = options.out.empty() ? generated : std::filesystem::path(options.out);
  const SensitivityFiles written = sensitivity_files(result);
  write_all_or_none(written.files, folder);
  fmt::print("{}\n", sensitivity_text(result));
  fmt::print("{}\n", table(sensitivity_align(result), sensitivity_table(result)));
  for (const std::string& warning : result.warnings) fmt::print("Warning: {}\n", warning);
  for (const std::string& warning : written.warnings) fmt::print(stderr, "snellen: {}\n", warning);
  fmt::print("Written to {}\n", folder.string());
  return result.undecided ? exit_inconclusive : exit_passed;
}

}  // namespace

void add_sensitivity(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("sensitivity", "Certify how much the last token's vector, or a logit, still depends on every input token");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--out", options->out, "folder for the reports (default: reports/generated/CASE)");
  verb->callback([options, &chosen] { chosen = [options] { return measure_sensitivity(*options); }; });
}

}  // namespace snellen
