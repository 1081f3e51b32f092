// The command: reads the line, runs the verb, turns errors into one line on standard error and an exit code.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include "cli/command.hpp"
#include "cli/failures.hpp"
#include "cli/interrupt.hpp"
#include "lib/error.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"
#include "lib/number/environment_check.hpp"
#include "lib/progress.hpp"
#include "lib/version.hpp"

namespace {

int complain(const std::string& message, int code) {
  fmt::print(stderr, "snellen: {}\n", message);
  return code;
}

int run(int argc, char** argv) {
  using namespace snellen;
  CLI::App command("Certified bounds on when a decoder-only transformer can no longer tell two sequences apart");
  command.name("snellen");
  command.set_version_flag("--version", fmt::format("snellen {} ({})", version().version, version().commit));
  command.require_subcommand(1);
  Action chosen;
  add_certify(command, chosen);
  add_run(command, chosen);
  add_inspect(command, chosen);
  add_formats(command, chosen);
  add_profiles(command, chosen);
  add_states(command, chosen);
  add_crosscheck(command, chosen);
  add_tokenize(command, chosen);
  add_next(command, chosen);
  add_glasses(command, chosen);
  add_gallery(command, chosen);
  add_sweep(command, chosen);
  add_merge(command, chosen);
  add_sweep_worker(command, chosen);
  const auto verbs = command.get_subcommands({});
  if (argc > 1 && argv[1][0] != '-' && std::none_of(verbs.begin(), verbs.end(), [&](const CLI::App* verb) { return verb->check_name(argv[1]); })) {
    std::string names;
    for (const CLI::App* verb : verbs)
      if (!verb->get_group().empty()) names += (names.empty() ? "" : ", ") + verb->get_name();
    return complain(fmt::format("found \"{}\", expected one of {}", printable(argv[1]), names), exit_bad_input);
  }
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return command.exit(error);  // --help, --version
    return complain(printable(error.what()) + " (snellen --help lists the verbs and their options)", exit_bad_input);
  }
  prepare_threads(0);
  catch_interrupts();
  const int code = chosen();
  // Verbs that print what they computed have nothing more to say where it rests on a file that changed meanwhile, or on arithmetic that did.
  require_mapped_files_unchanged();
  require_sound_arithmetic();
  if (std::fflush(stdout) != 0) return complain("standard output: cannot write to it", exit_bad_input);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace snellen;
  const Failures failures;
  try {
    return run(argc, argv);
  } catch (const InputError& error) {
    return complain(error.what(), exit_bad_input);
  } catch (const Interrupted&) {
    return complain("stopped on request; nothing was written", exit_interrupted);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", exit_bug);
  } catch (const std::exception& error) {
    return complain(std::string("internal error: ") + error.what(), exit_bug);
  }
}
