#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "bounds/validation/compare.hpp"
#include "bounds/validation/growth.hpp"
#include "bounds/validation/infer.hpp"
#include "bounds/validation/probe.hpp"
#include "bounds/validation/validate.hpp"
#include "cases/engine_profile.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/files/load_model.hpp"
#include "lib/files/printable.hpp"
#include "reports/json_report.hpp"
#include "reports/validation_report.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options {
  std::string model, tokens, dump, profile, against, against_profile, out, raw;
  std::vector<std::string> runs, renames, sums;
  int threads = 0;
  bool local = false, infer = false, probes = false, all = false, quiet = false;
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
  const auto* learned = std::get_if<LearnedPositions>(&model.positions);
  if (learned && tokens.size() > learned->table->rows())
    throw InputError("--tokens", fmt::format("found {}, expected at most {}, the learned positions", tokens.size(), learned->table->rows()));
  return tokens;
}

// "F32:7,576": type and shape of raw files, which are named like the operations: layer.0.query.bin.
StoredTensors read_raw(const std::string& folder, const std::string& kind) {
  const std::size_t colon = kind.find(':');
  std::vector<std::size_t> shape;
  std::istringstream sizes(colon == std::string::npos ? "" : kind.substr(colon + 1));
  for (std::string size; std::getline(sizes, size, ',');) {
    if (size.empty() || size.size() > 9 || size.find_first_not_of("0123456789") != std::string::npos) shape.clear();
    else shape.push_back(std::stoul(size));
  }
  if (shape.empty()) throw InputError("--raw", "found " + in_quotes(kind) + ", expected a type and the number of tokens, such as F32:7 (or a whole shape, F32:7,576)");
  StoredTensors result;
  std::error_code error;
  const std::filesystem::path path(folder);
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path, error))
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  else files.push_back(path);
  std::sort(files.begin(), files.end());
  const std::string type = kind.substr(0, colon);
  for (const auto& file : files) {
    if (file.extension() != ".bin" && file.extension() != ".raw") continue;
    std::vector<std::size_t> own = shape;
    if (own.size() == 1) {  // the width follows from the file's size
      const Storage* storage = safetensors_storage(type);
      const auto size = std::filesystem::file_size(file, error);
      if (storage && shape[0] > 0 && !error) own.push_back(size / (storage->bytes * shape[0]));
    }
    result.emplace(file.stem().string(), read_raw_array(file, type, own));
  }
  if (result.empty()) throw InputError(printable(folder), "found no .bin or .raw file, expected raw little-endian tensors");
  return result;
}

Dump read_dump(const Options& options, const std::string& path) {
  std::vector<NameRule> renames;
  std::vector<SumRule> sums;
  for (const std::string& rule : options.renames) renames.push_back(name_rule(rule, "--rename"));
  for (const std::string& rule : options.sums) sums.push_back(sum_rule(rule, "--sum"));
  return {path, options.raw.empty() ? read_arrays(path) : read_raw(path, options.raw), renames, sums};
}

int infer(const Options& options, const Model& model, const SequenceTree& sequence, const Dump& dump, CommandProgress& progress) {
  std::vector<EngineProfile> candidates;
  for (const std::string& name : shipped_engine_profiles()) candidates.push_back(find_engine_profile(name));
  if (!options.profile.empty()) candidates = {find_engine_profile(options.profile)};
  const auto ranked = infer_profile(model, sequence.columns(), dump, candidates, progress);
  progress.end();
  std::vector<std::vector<std::string>> rows = {{"profile", "with", "entries outside", "operations that fail", "envelope / signal"}};
  for (const InferredProfile& one : ranked) {
    if (rows.size() > 12) break;
    rows.push_back({one.profile.name, one.change.empty() ? "-" : one.change, std::to_string(one.outside), std::to_string(one.failures), fmt::format("{:.3g}", one.resolution)});
  }
  fmt::print("{}\n", table("llrrr", rows));
  const InferredProfile& best = ranked.front();
  if (best.outside > 0) fmt::print("No profile that was tried explains the dump; {}{} comes closest: {} entries outside.\n", best.profile.name, best.change.empty() ? "" : " with " + best.change, best.outside);
  else fmt::print("{}{} explains the dump with the tightest envelopes.\n", best.profile.name, best.change.empty() ? "" : " with " + best.change);
  return best.outside > 0 ? exit_failed : exit_passed;
}

// The operations worth a line on standard output: those that do not pass, and the one with the widest envelope.
std::vector<std::vector<std::string>> short_table(const Validation& v) {
  const auto rows = validation_table(v);
  std::vector<std::vector<std::string>> result = {rows.front()};
  std::size_t widest = 0, left_out = 0;
  for (std::size_t i = 1; i < v.operations.size(); ++i)
    if (v.operations[i].resolution > v.operations[widest].resolution) widest = i;
  for (std::size_t i = 0; i < v.operations.size(); ++i) {
    if ((v.operations[i].verdict != Judgement::pass && result.size() < 25) || i == widest) result.push_back(rows[i + 1]);
    else ++left_out;
  }
  if (left_out > 0) result.push_back({fmt::format("({} more: --all)", left_out), "", "", "", "", "", "", ""});
  return result;
}

int run_validation(const Options& options) {
  prepare_threads(options.threads);
  if (options.profile.empty() && !options.infer) throw InputError("--profile", "missing, expected a .toml file or a name (cases/engines), or --infer-profile");
  const Dump dump = read_dump(options, options.dump);
  const Model model = load_model(std::filesystem::path(options.model));
  if (options.tokens.empty() && !options.probes) throw InputError("--tokens", "missing, expected the token ids that the engine was given (or --probes)");
  const std::vector<Token> tokens = options.probes ? std::vector<Token>() : read_tokens(options.tokens, model);
  const SequenceTree sequence(tokens);
  CommandProgress progress(options.quiet);
  if (options.infer && !options.probes) return infer(options, model, sequence, dump, progress);

  const EngineProfile profile = find_engine_profile(options.profile);
  ValidationReport report;
  report.title = "Validation of " + std::filesystem::path(options.dump).filename().string();
  report.model_sha256 = model.sha256;
  report.tokens = tokens;
  report.same_engine = !options.runs.empty();
  std::vector<Dump> others;
  std::vector<EngineProfile> profiles = {profile};
  if (!options.against.empty()) {
    others.push_back(read_dump(options, options.against));
    profiles.push_back(options.against_profile.empty() ? profile : find_engine_profile(options.against_profile));
  }
  for (const std::string& run : options.runs) others.push_back(read_dump(options, run)), profiles.push_back(profile);
  std::vector<const Dump*> dumps = {&dump};
  for (const Dump& other : others) dumps.push_back(&other);
  for (std::size_t d = 0; d < dumps.size(); ++d) {
    report.validations.push_back(options.probes ? validate_probes(model, *dumps[d], profiles[d], progress) : validate(model, sequence.columns(), *dumps[d], profiles[d], progress));
    report.profile_descriptions.push_back(profiles[d].description);
  }
  if (!options.local && !options.probes) report.growth = error_growth(model, sequence.columns(), dumps, progress);
  if (dumps.size() > 1 && !options.probes) {
    std::vector<const Validation*> validations;
    for (const Validation& v : report.validations) validations.push_back(&v);
    report.comparison = compare(model, tokens.size(), dumps, validations);
  }
  progress.end();

  const std::filesystem::path folder = options.out.empty() ? std::filesystem::path("reports/generated") / ("validate-" + std::filesystem::path(options.dump).stem().string()) : std::filesystem::path(options.out);
  write_all_or_none({{"validation.json", json_text(validation_json(report))},
                     {"validation.html", validation_html(report)},
                     {"validation.xml", validation_junit(report)},
                     {"validation.md", validation_markdown(report)},
                     {"tolerances.csv", tolerance_table(report.validations.front())}},
                    folder);
  for (const Validation& v : report.validations)
    fmt::print("{} as {}\n\n{}\n{}\n\n", v.dump, v.profile, table("llrrrrrl", options.all ? validation_table(v) : short_table(v)), validation_sentence(v));
  for (const std::string& note : validation_notes(report)) fmt::print("{}\n", note);
  fmt::print("Written to {}\n", folder.string());
  const Judgement verdict = verdict_of(report);
  return verdict == Judgement::pass ? exit_passed : verdict == Judgement::fail ? exit_failed : exit_inconclusive;
}

}  // namespace

void add_validate(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("validate", "Can rounding explain what an engine computed? Which layer and operation is wrong, proved");
  const auto options = std::make_shared<Options>();
  verb->add_option("--model", options->model, "a Hugging Face folder, a .safetensors or a .gguf file")->required();
  verb->add_option("--tokens", options->tokens, "the token ids that the engine was given: 1,2,3 or a file of them");
  verb->add_option("--dump", options->dump, "the engine's tensors: a .safetensors, .npz or .npy file, or a folder of them")->required();
  verb->add_option("--profile", options->profile, "what the engine is said to be: a .toml file, or a name (cases/engines)");
  verb->add_option("--against", options->against, "another engine's dump of the same tokens: which of the two is closer to the exact result");
  verb->add_option("--against-profile", options->against_profile, "its profile (default: the same)");
  verb->add_option("--run", options->runs, "a further run of the same engine (several times): is the spread within what rounding explains?");
  verb->add_flag("--local", options->local, "judge the operations only, without the exact result");
  verb->add_flag("--probes", options->probes, "the dump's rows are inputs of one's own making (one-hot vectors), and what single operations made of them: --tokens is not needed");
  verb->add_flag("--infer-profile", options->infer, "which profile explains the dump best: tries those of cases/engines, and changes of their fields (of --profile's alone, where given)");
  verb->add_option("--rename", options->renames, "PATTERN=NAME: tensors whose names match the regular expression are the operation NAME ($1: its first group)");
  verb->add_option("--sum", options->sums, "NAME=TENSOR+TENSOR: the operation NAME is the sum of tensors (a pending residual)");
  verb->add_option("--raw", options->raw, "TYPE:TOKENS: the dump is a folder of raw little-endian .bin files of this type, such as F32:7");
  verb->add_option("--out", options->out, "folder for validation.{json,html,xml,md} and tolerances.csv (default: reports/generated/validate-DUMP)");
  verb->add_option("--threads", options->threads, "how many threads to use (default: every core); results never depend on it")->check(CLI::Range(1, 4096));
  verb->add_flag("--all", options->all, "every operation on standard output, not only those that do not pass");
  verb->add_flag("--quiet", options->quiet, "no progress on standard error");
  verb->callback([options, &chosen] { chosen = [options] { return run_validation(*options); }; });
}

}  // namespace snellen
