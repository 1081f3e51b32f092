#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "bounds/validation/validate.hpp"
#include "cases/engine_profile.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/files/load_model.hpp"
#include "lib/files/printable.hpp"
#include "reports/validation_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options {
  std::string model, tokens, dump, profile, out;
  std::vector<std::string> renames, sums;
  int threads = 0;
  bool quiet = false;
};

// Token ids, with commas or spaces between them, or a file of them.
std::vector<Token> read_tokens(const std::string& given, const Model& model) {
  std::string text = given;
  std::error_code error;
  if (std::filesystem::is_regular_file(given, error)) {
    std::ifstream file(given);
    std::ostringstream content;
    content << file.rdbuf();
    text = content.str();
  }
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (std::string_view(" ,\n\r\t[]").find(text[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    Token token = 0;
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && token < 1'000'000'000; ++at) token = token * 10 + (text[at] - '0');
    if (at == begin) throw InputError("--tokens", fmt::format("found {} at byte {}, expected token ids such as 1,2,3, or a file of them", in_quotes(text.substr(at, 20)), at));
    if (static_cast<std::size_t>(token) >= model.vocabulary) throw InputError("--tokens", fmt::format("found {}, expected ids below the vocabulary's {}", token, model.vocabulary));
    tokens.push_back(token);
  }
  if (tokens.empty()) throw InputError("--tokens", "found none, expected token ids such as 1,2,3, or a file of them");
  return tokens;
}

int run_validation(const Options& options) {
  prepare_threads(options.threads);
  const EngineProfile profile = find_engine_profile(options.profile);
  std::vector<NameRule> renames;
  std::vector<SumRule> sums;
  for (const std::string& rule : options.renames) renames.push_back(name_rule(rule, "--rename"));
  for (const std::string& rule : options.sums) sums.push_back(sum_rule(rule, "--sum"));
  const Dump dump(options.dump, read_arrays(options.dump), renames, sums);
  const Model model = load_model(std::filesystem::path(options.model));
  const SequenceTree sequence(read_tokens(options.tokens, model));
  CommandProgress progress(options.quiet);
  const Validation result = validate(model, sequence.columns(), dump, profile, progress);
  progress.end();
  fmt::print("{}\n", table("llrrrrrl", validation_table(result)));
  fmt::print("{}\n", validation_sentence(result));
  return result.verdict == Judgement::pass ? exit_passed : result.verdict == Judgement::fail ? exit_failed : exit_inconclusive;
}

}  // namespace

void add_validate(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("validate", "Can rounding explain what an engine computed? Which layer and operation is wrong, proved");
  const auto options = std::make_shared<Options>();
  verb->add_option("--model", options->model, "a Hugging Face folder, a .safetensors or a .gguf file")->required();
  verb->add_option("--tokens", options->tokens, "the token ids that the engine was given: 1,2,3 or a file of them")->required();
  verb->add_option("--dump", options->dump, "the engine's tensors: a .safetensors, .npz or .npy file, or a folder of them")->required();
  verb->add_option("--profile", options->profile, "what the engine is said to be: a .toml file, or a name (cases/engines)")->required();
  verb->add_option("--rename", options->renames, "PATTERN=NAME: tensors whose names match the regular expression are the operation NAME ($1: its first group)");
  verb->add_option("--sum", options->sums, "NAME=TENSOR+TENSOR: the operation NAME is the sum of tensors (a pending residual)");
  verb->add_option("--threads", options->threads, "how many threads to use (default: every core); results never depend on it")->check(CLI::Range(1, 4096));
  verb->add_flag("--quiet", options->quiet, "no progress on standard error");
  verb->callback([options, &chosen] { chosen = [options] { return run_validation(*options); }; });
}

}  // namespace snellen
