// What the benchmarks measured, in tables a person reads.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

namespace snellen {

using Runs = std::vector<benchmark::BenchmarkReporter::Run>;

// Why a run did not measure anything; empty if it did. (Google Benchmark before and since 1.8.)
template <class Run>
std::string failure(const Run& run) {
  if constexpr (requires { run.skip_message; })
    return run.skipped ? run.skip_message : std::string();
  else
    return run.error_occurred ? run.error_message : std::string();
}

// The counter's value, or NaN.
double counter(const benchmark::BenchmarkReporter::Run& run, const std::string& name);

// "cost/tokens" is of the family "cost", its kind "tokens".
std::string family(const benchmark::BenchmarkReporter::Run& run);
std::string kind(const benchmark::BenchmarkReporter::Run& run);

// In Markdown: a table for each family of benchmarks that has run, and below it what was skipped and why.
std::string tables(const Runs& runs);

}  // namespace snellen
