#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "bounds/certify.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/files/tokenizer.hpp"
#include "lib/files/tokenizer/utf8.hpp"
#include "reports/environment.hpp"
#include "reports/gallery_report.hpp"
#include "reports/json_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string folder, out = "reports/generated/gallery";
  std::vector<std::string> only;
  int threads = 0;
  bool quiet = false;
};

constexpr std::string_view title = "Transformers need glasses: the experiments, certified";

// The folder as it is called, else from the project's root.
fs::path find_folder(const std::string& name) {
  std::error_code error;
  const char* home = std::getenv("SNELLEN_HOME");
  const fs::path here = name.empty() ? fs::path("cases/paper") : fs::path(name), there = fs::path(home ? home : "") / here;
  if (fs::is_directory(here, error)) return here;
  if (home && here.is_relative() && fs::is_directory(there, error)) return there;
  throw InputError(here.string(), "is no folder, expected one with cases (.toml files) that have a table [paper]");
}

// In the order of their names; of `only`, those whose name begins with one of them.
std::vector<fs::path> cases_in(const fs::path& folder, const std::vector<std::string>& only) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const bool wanted = only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& start) { return name.starts_with(start); });
    if (entry.path().extension() == ".toml" && wanted) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw InputError(folder.string(), "found no case, expected .toml files" + std::string(only.empty() ? "" : " whose names begin as --only says"));
  return files;
}

GalleryItem certify_item(const Case& c, const PaperClaim& claim, const Options& options) {
  GalleryItem item{c.request.case_name, claim, {}};
  CommandProgress progress(options.quiet);
  Certification result = certify(c, progress);
  progress.end();
  Environment environment = this_environment();
  for (const auto& [name, seconds] : progress.phases()) environment.phases.push_back({name, seconds});
  write_reports(result, environment, fs::path(options.out) / item.case_name);
  if (const auto* path = std::get_if<fs::path>(&c.model); path && !result.next_tokens.empty()) {
    const Tokenizer tokenizer = load_tokenizer(find_model(c));
    for (const auto& token : result.next_tokens)
      if (token) item.pieces[*token] = escaped(tokenizer.text_of(*token).value_or(""));
  }
  item.result = std::move(result);
  return item;
}

int make_gallery(const Options& options) {
  prepare_threads(options.threads);
  const fs::path folder = find_folder(options.folder);
  std::vector<GalleryItem> items;
  std::vector<std::vector<std::string>> rows = {{"case", "exhibit", "seconds", "standing"}};
  bool undecided = false;
  for (const fs::path& file : cases_in(folder, options.only)) {
    const auto began = std::chrono::steady_clock::now();
    const std::optional<PaperClaim> claim = read_claim(file);
    if (!claim) throw InputError(file.string(), "found no table [paper], expected one: it says what the case shows");
    try {
      items.push_back(certify_item(read_case(file), *claim, options));
    } catch (const MissingModel& missing) {
      items.push_back({file.stem().string(), *claim, {}, missing.what()});
    }
    const GalleryItem& item = items.back();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const CollapseRow* row = item.result ? find_row(*item.result, item.claim.expected) : nullptr;
    rows.push_back({item.case_name, item.claim.exhibit, fmt::format("{:.1f}", seconds), row ? standing_sentence(item.claim, *row, *item.result) : item.left_out});
    undecided = undecided || !item.result || item.result->undecided();
  }
  std::vector<std::string> warnings;
  const std::string page = gallery_page(std::string(title), items, warnings);
  write_all_or_none({{"index.html", page}, {"gallery.json", json_text(gallery_json(std::string(title), items))}}, options.out);
  fmt::print("{}", table("llrl", rows));
  for (const std::string& warning : warnings) fmt::print(stderr, "snellen: {}\n", warning);
  fmt::print("Written to {}\n", options.out);
  return undecided ? exit_inconclusive : exit_passed;
}

}  // namespace

void add_gallery(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("gallery", "Run the cases that stand for the paper's experiments; one page with its claims, certified values and pictures");
  const auto options = std::make_shared<Options>();
  verb->add_option("FOLDER", options->folder, "a folder of cases that have a table [paper] (default: cases/paper)");
  verb->add_option("--only", options->only, "only the cases whose names begin so");
  verb->add_option("--out", options->out, "folder for the page and the reports of every case (default: reports/generated/gallery)");
  verb->add_option("--threads", options->threads, "how many threads to use (default: every core); results never depend on it")->check(CLI::Range(1, 4096));
  verb->add_flag("--quiet", options->quiet, "no progress on standard error");
  verb->callback([options, &chosen] { chosen = [options] { return make_gallery(*options); }; });
}

}  // namespace snellen
