#include "cli/command.hpp"

#include <fmt/format.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "cases/case.hpp"
#include "lib/error.hpp"
#include "lib/number/environment_check.hpp"

namespace snellen {

void add_case_options(CLI::App& verb, CaseOptions& options) {
  verb.add_option("CASE", options.file, "the case, a .toml file")->required();
  verb.add_option("--model", options.model, "a model to use in place of the case's own: a Hugging Face folder, a .safetensors or a .gguf file");
  verb.add_option("--threads", options.threads, "how many threads to use (default: every core); results never depend on it")
      ->check(CLI::Range(1, 4096));
  verb.add_flag("--quiet", options.quiet, "no progress on standard error");
}

Case read_case(const CaseOptions& options) {
  if (options.model.empty()) return read_case(std::filesystem::path(options.file));
  std::error_code error;
  if (!std::filesystem::exists(options.model, error)) {
    throw InputError("--model", "found no " + options.model + ", expected a Hugging Face folder, a .safetensors or a .gguf file");
  }
  return read_case(options.file, std::filesystem::absolute(options.model));
}

void check_length(const Case& c, std::int64_t length) {
  const Family& family = c.request.family;
  const std::int64_t longest = family.pair == Pair::next ? family.to + 1 : family.to;
  if (length < family.from || length > longest)
    throw InputError("--length", fmt::format("found {}, expected one of the case's sequences: {} to {}", length, family.from, longest));
}

void prepare_threads([[maybe_unused]] int threads) {
#ifdef _OPENMP
  if (threads > 0) omp_set_num_threads(threads);
#endif
  require_sound_arithmetic();
}

}  // namespace snellen
