// Runs the attacks: random points, corners, ties and zeros, then ascent from the best ones found.
//   snellen_attacks [--budget ATTEMPTS] [--seed SEED] [--regressions FOLDER] [NAME...]
// Prints how near each came. A point that breaks a bound is printed and written into FOLDER as NAME-<seed>-<attempt>.txt; the points that lie there are tried first.
// Exit code 0: no bound was left; 1: one was, or an attack tested nothing.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/number/splitmix64.hpp"
#include "tests/attacks/attack.hpp"

using namespace snellen;
using namespace snellen::attacks;
namespace fs = std::filesystem;

namespace {

struct Options {
  std::size_t budget = 2000;
  std::uint64_t seed = 1;
  fs::path regressions;
  std::vector<std::string_view> names;
};

class Search {
 public:
  Search(const Attack& attack, const Options& options) : attack_(attack), options_(options), random_(options.seed) {}

  void run() {
    retry_regressions();
    const std::size_t budget = std::max<std::size_t>(8, options_.budget / attack_.cost), looking = budget / 2;
    while (attempts_ < looking) attempt(start());
    // Ascent: a direction at random (SPSA's two-sided step) or single numbers; steps that grow with success and shrink without.
    std::vector<double> at = best_point_;
    double value = best_, step = 0.25;
    while (attempts_ < budget && !at.empty()) {
      std::vector<double> moved = at;
      const bool all = random_.below(2) == 0;
      const std::size_t one = random_.below(at.size());
      for (std::size_t i = 0; i < at.size(); ++i) {
        if (all || i == one) moved[i] = std::clamp(at[i] + step * uniform(), -1.0, 1.0);
      }
      const double reached = attempt(moved);
      if (reached > value) {
        value = reached, at = moved, step = std::min(1.0, step * 1.7);
      } else {
        step *= 0.97;
      }
      if (step < 1e-9) at = start(), value = attempt(at), step = 0.25;  // again, from elsewhere
    }
  }

  bool print() const {
    std::printf("%-18.*s %9zu %9zu %11.6f %7zu   %.*s\n", width(attack_.name), attack_.name.data(), attempts_, tested_, std::max(0.0, best_), broken_,
                width(attack_.bound), attack_.bound.data());
    std::fflush(stdout);
    return broken_ == 0 && tested_ > 0;
  }
  std::size_t attempts() const { return attempts_; }
  std::size_t tested() const { return tested_; }
  std::size_t broken() const { return broken_; }

 private:
  static int width(std::string_view text) { return static_cast<int>(text.size()); }
  double uniform() { return static_cast<double>(static_cast<std::int64_t>(random_.next()) >> 10) * 0x1p-53; }

  // Uniform; a corner; few numbers of all sizes; equal neighbours.
  std::vector<double> start() {
    std::vector<double> x(attack_.dimensions);
    const std::uint64_t kind = random_.below(5);
    for (std::size_t i = 0; i < x.size(); ++i) {
      switch (kind) {
        case 0: x[i] = uniform(); break;
        case 1: x[i] = static_cast<double>(random_.below(3)) - 1; break;
        case 2: x[i] = random_.below(3) == 0 ? std::ldexp(uniform(), -static_cast<int>(random_.below(60))) : 0; break;
        case 3: x[i] = i > 0 && random_.below(2) == 0 ? x[i - 1] : uniform(); break;
        default: x[i] = std::round(8 * uniform()) / 8; break;
      }
    }
    return x;
  }

  double attempt(const std::vector<double>& point) {
    ++attempts_;
    const Attempt result = attack_.attempt(point);
    if (result.closeness >= 0) ++tested_;
    if (result.broken) {
      ++broken_;
      record(point);
    }
    if (best_point_.empty() || result.closeness > best_) best_ = result.closeness, best_point_ = point;
    return result.closeness;
  }

  void record(const std::vector<double>& point) {
    if (broken_ > 3) return;
    const std::string name = std::string(attack_.name) + "-" + std::to_string(options_.seed) + "-" + std::to_string(attempts_) + ".txt";
    std::fprintf(stderr, "BROKEN: %.*s, %.*s: %s\n", width(attack_.name), attack_.name.data(), width(attack_.bound), attack_.bound.data(), name.c_str());
    if (options_.regressions.empty()) return;
    std::FILE* out = std::fopen((options_.regressions / name).c_str(), "w");
    if (!out) return;
    for (const double x : point) std::fprintf(out, "%a\n", x);
    std::fclose(out);
  }

  void retry_regressions() {
    if (options_.regressions.empty()) return;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.regressions)) {
      if (entry.path().filename().string().starts_with(std::string(attack_.name) + "-")) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      std::ifstream in(file);
      std::vector<double> point;
      for (std::string line; std::getline(in, line);) point.push_back(std::strtod(line.c_str(), nullptr));
      if (point.size() == attack_.dimensions) attempt(point);
      else std::fprintf(stderr, "%s has %zu numbers, expected %zu\n", file.c_str(), point.size(), attack_.dimensions), ++broken_;
    }
  }

  const Attack& attack_;
  const Options& options_;
  SplitMix64 random_;
  std::size_t attempts_ = 0, tested_ = 0, broken_ = 0;
  double best_ = -1;
  std::vector<double> best_point_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool takes = word == "--budget" || word == "--seed" || word == "--regressions";
    if (takes && ++i == argc) return std::fprintf(stderr, "%s needs a value\n", argv[i - 1]), 2;
    if (word == "--budget") options.budget = std::strtoull(argv[i], nullptr, 10);
    else if (word == "--seed") options.seed = std::strtoull(argv[i], nullptr, 10);
    else if (word == "--regressions") options.regressions = argv[i];
    else options.names.push_back(word);
  }
  std::printf("%-18s %9s %9s %11s %7s   %s\n", "attack", "attempts", "tested", "came within", "BROKEN", "bound");
  bool good = true;
  std::size_t attempts = 0, tested = 0, broken = 0, tried = 0;
  std::vector<Attack> all = attacks::attacks();
  std::sort(all.begin(), all.end(), [](const Attack& a, const Attack& b) { return a.name < b.name; });
  for (const Attack& attack : all) {
    if (!options.names.empty() && std::find(options.names.begin(), options.names.end(), attack.name) == options.names.end()) continue;
    Search search(attack, options);
    search.run();
    good = search.print() && good;
    attempts += search.attempts(), tested += search.tested(), broken += search.broken(), ++tried;
  }
  std::printf("%zu attacks (seed %llu), %zu attempts, %zu tested something, %zu bounds left\n", tried, static_cast<unsigned long long>(options.seed), attempts, tested, broken);
  return good && tried > 0 ? 0 : 1;
}
