#include <fmt/format.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <memory>

#include "bounds/certify.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "lib/version.hpp"
#include "reports/environment.hpp"
#include "reports/text_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::string out;
};

Environment environment(const CommandProgress& progress) {
  Environment e = this_environment();
#ifdef _OPENMP
  e.threads = omp_get_max_threads();
#else
  e.threads = 1;
#endif
  for (const auto& [name, seconds] : progress.phases()) e.phases.push_back({name, seconds});
  return e;
}

int certify_case(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  CommandProgress progress(options.quiet);
  const Certification result = certify(c, progress);
  progress.end();

  const std::filesystem::path folder = options.out.empty() ? std::filesystem::path("reports/generated") / c.request.case_name : std::filesystem::path(options.out);
  const Written written = write_reports(result, environment(progress), folder);
  fmt::print("{}", text_report(result));
  for (const std::string& warning : written.warnings) fmt::print(stderr, "snellen: {}\n", warning);
  fmt::print("Written to {}\n", folder.string());
  return result.undecided() ? exit_inconclusive : exit_passed;
}

}  // namespace

void add_certify(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("certify", "Certify from which length on the two sequences of a case can no longer be told apart");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--out", options->out, "folder for the reports (default: reports/generated/CASE)");
  verb->callback([options, &chosen] { chosen = [options] { return certify_case(*options); }; });
}

}  // namespace snellen
