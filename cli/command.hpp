// The verbs of the command, one file each. A verb adds itself to the command line; when it was chosen, `chosen` runs it and returns the exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace snellen {

using Action = std::function<int()>;

void add_certify(CLI::App& command, Action& chosen);
void add_run(CLI::App& command, Action& chosen);
void add_inspect(CLI::App& command, Action& chosen);
void add_formats(CLI::App& command, Action& chosen);
void add_profiles(CLI::App& command, Action& chosen);
void add_states(CLI::App& command, Action& chosen);
void add_crosscheck(CLI::App& command, Action& chosen);
void add_tokenize(CLI::App& command, Action& chosen);
void add_next(CLI::App& command, Action& chosen);
void add_glasses(CLI::App& command, Action& chosen);
void add_gallery(CLI::App& command, Action& chosen);
void add_sweep(CLI::App& command, Action& chosen);
void add_merge(CLI::App& command, Action& chosen);
void add_sweep_worker(CLI::App& command, Action& chosen);  // hidden: for sweep alone

// All proved or passed; refuted or failed; bad input or usage; something is undecided; stopped by Ctrl-C; a bug of Snellen (EX_SOFTWARE).
enum ExitCode { exit_passed = 0, exit_failed = 1, exit_bad_input = 2, exit_inconclusive = 3, exit_interrupted = 130, exit_bug = 70 };

// What the verbs that compute on a case have in common.
struct CaseOptions {
  std::string file, model;
  int threads = 0;  // 0: as OpenMP chooses
  bool quiet = false;
};
void add_case_options(CLI::App& verb, CaseOptions& options);

struct Case;
// The case, with --model in place of its own.
Case read_case(const CaseOptions& options);

// --length names one of the case's sequences: InputError otherwise.
void check_length(const Case& c, std::int64_t length);

// Sets the number of threads and checks the floating-point environment of each. InputError.
void prepare_threads(int threads);

}  // namespace snellen
