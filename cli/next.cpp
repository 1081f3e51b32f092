#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "bounds/greedy.hpp"
#include "cases/prompts.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "lib/files/load_model.hpp"

namespace snellen {
namespace {

struct Options {
  std::string model, prompts;
  int threads = 0;
  long max_bits = 4096;
  bool quiet = false;
};

int print_next_tokens(const Options& options) {
  prepare_threads(options.threads);
  const std::vector<std::vector<Token>> prompts = read_prompts(options.prompts, options.model);
  const Model model = load_model(options.model);
  CommandProgress progress(options.quiet);
  const std::vector<std::optional<Token>> next = greedy_tokens(model, prompts, options.max_bits, progress);
  progress.end();
  for (const std::optional<Token>& token : next) fmt::print("{}\n", token ? std::to_string(*token) : "null");
  return std::all_of(next.begin(), next.end(), [](const auto& token) { return token.has_value(); }) ? exit_passed : exit_inconclusive;
}

}  // namespace

void add_next(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("next", "The certified greedy next token of each of many prompts, in one evaluation");
  const auto options = std::make_shared<Options>();
  verb->add_option("MODEL", options->model, "a Hugging Face folder, a .safetensors file or a .gguf file")->required();
  verb->add_option("PROMPTS", options->prompts, "a file with a prompt on each line: a JSON string, or a list of token ids; for each a line is written, a token id or null")
      ->required();
  verb->add_option("--threads", options->threads, "how many threads to use (default: every core); results never depend on it")->check(CLI::Range(1, 4096));
  verb->add_option("--max-bits", options->max_bits, "the most bits of an evaluation")->check(CLI::Range(53L, 1'000'000L));
  verb->add_flag("--quiet", options->quiet, "no progress on standard error");
  verb->callback([options, &chosen] { chosen = [options] { return print_next_tokens(*options); }; });
}

}  // namespace snellen
