#include "tests/fuzz/target.hpp"

#include <stdlib.h>

#include <cstdio>
#include <fstream>
#include <typeinfo>

#include "lib/error.hpp"
#include "tests/fuzz/allocation.hpp"

namespace snellen::fuzz {

namespace fs = std::filesystem;

namespace {

std::vector<Target>& registered() {
  static std::vector<Target> list;
  return list;
}

void check_message(const std::string& message) {
  check(!message.empty() && message.size() <= 8192, "an error's message is empty or longer than 8192 bytes");
  for (const char c : message) check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "an error's message has a control character: " + message);
}

}  // namespace

const std::vector<Target>& targets() { return registered(); }
Registered::Registered(Target target) { registered().push_back(target); }

void check(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "FAILED: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

Outcome judge(const Target& target, Bytes input) {
  Outcome outcome = Outcome::read;
  const Allocated before;
  try {
    target.run(input);
  } catch (const InputError& error) {
    outcome = Outcome::refused;
    check_message(error.what());
  } catch (const std::exception& error) {
    check(false, std::string(target.name) + " threw " + typeid(error).name() + ": " + error.what());
  }
  const std::size_t most = before.most_since(), bound = target.allowance + 64 * input.size();
  check(most <= bound, std::string(target.name) + ": " + std::to_string(most) + " bytes allocated for a file of " + std::to_string(input.size()) +
                           ", expected at most " + std::to_string(bound));
  return outcome;
}

Scratch::Scratch() {
  std::string pattern = (fs::temp_directory_path() / "snellen-fuzz-XXXXXX").string();
  check(mkdtemp(pattern.data()) != nullptr, "no scratch folder");
  path_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path Scratch::file(std::string_view name, std::string_view content) const {
  const fs::path path = path_ / name;
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
  return path;
}

fs::path unpack(std::string_view bundle, const Scratch& scratch) {
  const fs::path folder = scratch.path() / "snapshots" / "rev";
  fs::create_directories(folder);
  // Where an entry named `name` lies; empty where it would lie outside.
  const auto place = [&](std::string_view name) -> fs::path {
    if (name.empty() || name.size() > 200 || name.find('\0') != name.npos) return {};
    const fs::path relative(name);
    for (const fs::path& part : relative) {
      if (part == "." || part == ".." || part == "/" || part.empty()) return {};
    }
    return relative.has_parent_path() ? scratch.path() / relative : folder / relative;
  };
  // Opening what lies behind a link made before would leave the scratch folder.
  const auto free = [](const fs::path& path) {
    std::error_code error;
    return !path.empty() && !fs::exists(fs::symlink_status(path, error)) && (fs::create_directories(path.parent_path(), error), fs::is_directory(path.parent_path(), error)) &&
           !fs::is_symlink(fs::symlink_status(path.parent_path(), error));
  };
  constexpr std::string_view mark = "%%";
  for (std::size_t at = bundle.starts_with(mark) ? 0 : bundle.size(); at < bundle.size();) {
    const std::size_t line_end = std::min(bundle.find('\n', at), bundle.size());
    const std::string_view line = bundle.substr(at, line_end - at);
    const std::size_t begin = std::min(line_end + 1, bundle.size()), next = bundle.find("\n%%", line_end);
    const std::string_view content = bundle.substr(begin, next == bundle.npos ? bundle.npos : next > begin ? next - begin : 0);
    if (line.starts_with("%%file ")) {
      const fs::path path = place(line.substr(7));
      if (free(path)) std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    } else if (line.starts_with("%%link ")) {
      const std::string_view rest = line.substr(7);
      const std::size_t space = rest.find(' ');
      const fs::path path = space == rest.npos ? fs::path() : place(rest.substr(0, space));
      std::error_code ignored;
      if (free(path)) fs::create_symlink(fs::path(rest.substr(space + 1)), path, ignored);
    }
    at = next == bundle.npos ? bundle.size() : next + 1;
  }
  return folder;
}

}  // namespace snellen::fuzz
