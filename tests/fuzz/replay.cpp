// Every target on the files of CORPUS/<target>/, under any compiler: snellen_fuzz_replay CORPUS... The names say what must come out: ok-* is read, bad-* is
// refused; the others are one or the other. Exit code 0 where every target had a file that is read and one that is refused, and all went well.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/fuzz/target.hpp"

using namespace snellen::fuzz;
namespace fs = std::filesystem;

namespace {

struct Count {
  std::size_t read = 0, refused = 0;
};

// In a fixed order.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

bool replay(const Target& target, const fs::path& path, Count& count) {
  std::ifstream in(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    std::printf("%s cannot be read\n", path.c_str());
    return false;
  }
  if (!isatty(STDERR_FILENO)) std::fprintf(stderr, "%s\n", path.c_str());  // the last one seen is the one that crashed
  const Outcome outcome = judge(target, std::as_bytes(std::span(content)));
  ++(outcome == Outcome::read ? count.read : count.refused);
  const std::string name = path.filename().string();
  const bool expected = name.starts_with("ok-") ? outcome == Outcome::read : !name.starts_with("bad-") || outcome == Outcome::refused;
  if (!expected) std::printf("%s was %s\n", path.c_str(), outcome == Outcome::read ? "read, expected a refusal" : "refused, expected it to be read");
  return expected;
}

// A reader that asks for the whole machine's memory is stopped before it gets it. (The address sanitizer needs terabytes of addresses, and stops by itself.)
void limit_memory() {
#ifndef __SANITIZE_ADDRESS__
  const rlimit limit{rlim_t{2} << 30, rlim_t{2} << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  limit_memory();
  bool good = argc > 1 && !targets().empty();
  std::map<std::string_view, Count> counts;
  for (const Target& target : targets()) {
    Count& count = counts[target.name];
    for (int i = 1; i < argc; ++i) {
      for (const fs::path& file : files_in(fs::path(argv[i]) / target.name)) good = replay(target, file, count) && good;
    }
  }
  for (const auto& [name, count] : counts) {
    std::printf("%-20.*s %6zu read %6zu refused\n", static_cast<int>(name.size()), name.data(), count.read, count.refused);
    good = good && count.read > 0 && count.refused > 0;
  }
  return good ? 0 : 1;
}
