#include <fmt/format.h>

#include <memory>

#include "bounds/glasses.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "reports/glasses_report.hpp"
#include "reports/json_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::string out;
};

int find_glasses(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  if (!c.request.family.delimiter) {
    throw InputError(c.place("family.delimiter"),
                     "missing, expected the tokens to be spaced: delimiter = { every = 1, tokens = [5] } (any spacing: the largest is looked for)");
  }
  const Model model = load_model(c);
  CommandProgress progress(options.quiet);
  const GlassesResult result = glasses(model, c.request, progress);
  progress.end();
  const std::filesystem::path generated = std::filesystem::path("reports/generated") / c.request.case_name;
  const std::filesystem::path folder = options.out.empty() ? generated : std::filesystem::path(options.out);
  write_all_or_none({{"glasses.json", json_text(glasses_json(result, c.request, model))}}, folder);
  fmt::print("{}: the largest spacing of delimiters with which every pair is certified to stay apart, n = {} to {}\n\n{}\n", c.request.title,
             c.request.family.from, c.request.family.to, table("lllrl", glasses_table(result, c.request.family)));
  for (const std::string& warning : c.warnings) fmt::print("Warning: {}\n", warning);
  fmt::print("Written to {}\n", folder.string());
  return exit_passed;
}

}  // namespace

void add_glasses(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("glasses", "The largest spacing of delimiters that is certified to keep a run's sequences apart up to the horizon");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--out", options->out, "folder for glasses.json (default: reports/generated/CASE)");
  verb->callback([options, &chosen] { chosen = [options] { return find_glasses(*options); }; });
}

}  // namespace snellen
