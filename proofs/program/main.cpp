// ./snellen check CERTIFICATE.json: says of every claim whether it was proved again.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/version.hpp"
#include "proofs/checker/check.hpp"
#include "proofs/checker/model_source.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

using namespace snellen;
using namespace snellen::check;

enum ExitCode { all_verified = 0, some_refuted = 1, bad_input = 2, some_open = 3, bug = 70 };

int complain(const std::string& message, int code) {
  fmt::print(stderr, "snellen check: {}\n", message);
  return code;
}

const char* word(Status status) { return status == Status::verified ? "verified" : status == Status::refuted ? "REFUTED" : "could not verify"; }

int report(const Certificate& c, const std::vector<Finding>& findings, bool quiet) {
  std::size_t counts[3] = {};
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Finding& finding = findings[i];
    ++counts[static_cast<std::size_t>(finding.status)];
    if (quiet && finding.status == Status::verified) continue;
    fmt::print("{:<16} {}: {}\n", word(finding.status), printable(c.claims[i].id), c.claims[i].statement);
    if (!finding.reason.empty()) fmt::print("{:<16} {}\n", "", finding.reason);
  }
  fmt::print("{} claims: {} verified, {} refuted, {} could not be verified\n", findings.size(), counts[0], counts[1], counts[2]);
  return counts[1] > 0 ? some_refuted : counts[2] > 0 || findings.empty() ? some_open : all_verified;
}

int run(int argc, char** argv) {
  CLI::App command("Proves every claim of a certificate again, from the model file, with its own arithmetic and its own forward pass");
  command.name("snellen check");
  command.set_version_flag("--version", fmt::format("snellen check {} ({})", version().version, version().commit));
  std::string file, model;
  Options options;
  int threads = 0;
  std::int64_t up_to = 0;
  bool quiet = false;
  command.add_option("certificate", file, "a certificate.json, as certify writes it")->required();
  command.add_option("--model", model, "where the model is, in place of where the certificate says");
  const CLI::Option* limited = command.add_option("--up-to", up_to, "evaluate no length n beyond this one: what lies beyond is left open")->check(CLI::NonNegativeNumber);
  command.add_option("--max-bits", options.max_bits, "precision at which the checker gives up (default 4096)")->check(CLI::Range(53L, 1'000'000L));
  command.add_option("--work", options.work, "interval products that it may spend (default 2e10: about half an hour of one core)")->check(CLI::PositiveNumber);
  command.add_option("--threads", threads, "default: as OpenMP chooses")->check(CLI::Range(1, 4096));
  command.add_flag("--quiet", quiet, "no progress, and no word of the claims that are verified");
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return command.exit(error);
    return complain(printable(error.what()), bad_input);
  }
#ifdef _OPENMP
  if (threads > 0) omp_set_num_threads(threads);
#endif
  if (!model.empty()) options.model = model;
  if (limited->count() > 0) options.up_to = up_to;
  if (!quiet) options.say = [](const std::string& what) { fmt::print(stderr, "checking {}\n", what); };
  const Certificate c = read_certificate(file);
  const Model loaded = c.sequences ? load_certified_model(c, file, options) : Model();
  const std::vector<Finding> findings = check::check(loaded, c, options);
  const int code = report(c, findings, quiet);
  if (std::fflush(stdout) != 0) return complain("standard output: cannot write to it", bad_input);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const InputError& error) {
    return complain(error.what(), bad_input);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", bug);
  } catch (const std::exception& error) {
    return complain(std::string("internal error: ") + error.what(), bug);
  }
}
