// Runs the benchmarks as Google Benchmark does, with all its options, and prints what they found in tables.
//   --report=FOLDER   writes results.md and cost.svg there, too
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#ifdef SNELLEN_OPENBLAS
#include <cblas.h>
#endif

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/version.hpp"
#include "tests/bench/cost_plot.hpp"
#include "tests/bench/tables.hpp"

namespace snellen {
namespace {

// Prints each run as it comes, and keeps it.
class Keeper : public benchmark::ConsoleReporter {
 public:
  Keeper() : ConsoleReporter(isatty(1) ? OO_Color : OO_None) {}
  void ReportRuns(const std::vector<Run>& reports) override {
    ConsoleReporter::ReportRuns(reports);
    runs_.insert(runs_.end(), reports.begin(), reports.end());
  }
  const Runs& runs() const { return runs_; }

 private:
  Runs runs_;
};

std::string_view name(ProductPath path) {
  switch (path) {
    case ProductPath::portable: return "no vector instructions";
    case ProductPath::residues: return "vectors of two doubles";
    case ProductPath::residues_avx2: return "AVX2 and FMA";
    case ProductPath::residues_avx512: return "AVX-512 F";
    case ProductPath::sse2: return "SSE2";
    case ProductPath::avx2: return "AVX2";
    case ProductPath::avx512_fma: return "AVX-512 without IFMA";
    case ProductPath::avx512: return "AVX-512 IFMA";
    case ProductPath::bytes: return "bytes without vector instructions";
    case ProductPath::bytes_vnni: return "bytes by AVX-512 VNNI";
    case ProductPath::byte_tiles: return "AMX's tiles of bytes";
  }
  return "";
}

std::string machine() {
  const Version v = version();
  std::string result = fmt::format("{} cores, {}; Snellen {} ({}), {}, FLINT {}, MPFR {}, MPFI {}, Boost {}", std::thread::hardware_concurrency(),
                                   by_bytes(best_byte_path()) ? fmt::format("{} and {}", name(best_path()), name(best_byte_path())) : std::string(name(best_path())), v.version, v.commit, v.compiler, v.flint, v.mpfr, v.mpfi, v.boost);
#ifdef SNELLEN_OPENBLAS
  result += fmt::format(", OpenBLAS with its {} kernel", openblas_get_corename());
#endif
  return result;
}

// Empty, or what went wrong.
std::string write(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  return file ? "" : "cannot write " + path;
}

int run(int argc, char** argv) {
  std::string folder;
  bool plain = true;  // not JSON or CSV on standard output
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--benchmark_format=")) plain = argument == "--benchmark_format=console";
    if (argument.starts_with("--report="))
      folder = argument.substr(std::strlen("--report="));
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
  argv[argc] = nullptr;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (!plain) return benchmark::RunSpecifiedBenchmarks(), 0;

  Keeper keeper;
  benchmark::RunSpecifiedBenchmarks(&keeper);
  const std::string found = tables(keeper.runs());
  if (!found.empty()) fmt::print("\n{}\n{}", machine(), found);
  if (folder.empty()) return 0;
  const Picture picture = cost_plot(keeper.runs());
  std::string problem = write(folder + "/results.md", fmt::format("# Results of `./snellen bench`\n\n{}. What each column means: README.md.\n{}", machine(), found));
  if (problem.empty()) problem = picture.svg.empty() ? "no picture: " + picture.problem : write(folder + "/cost.svg", picture.svg);
  if (!problem.empty()) fmt::print(stderr, "{}\n", problem);
  return problem.empty() ? 0 : 2;
}

}  // namespace
}  // namespace snellen

int main(int argc, char** argv) { return snellen::run(argc, argv); }
