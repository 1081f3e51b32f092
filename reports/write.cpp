#include "reports/write.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "lib/error.hpp"
#include "lib/files/durable.hpp"
#include "reports/certificate.hpp"
#include "reports/csv_report.hpp"
#include "reports/html_report.hpp"
#include "reports/json_report.hpp"
#include "reports/plot.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& attempt, int error) {
  throw InputError(path.string(), "cannot " + attempt + ": " + std::strerror(error));
}

// The folder, made with its parents; those made are removed again unless kept.
class Folder {
 public:
  explicit Folder(const fs::path& path) : path_(fs::absolute(path).lexically_normal()) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    std::error_code error;
    for (fs::path missing = path_; !fs::exists(missing, error) && missing.has_relative_path(); missing = missing.parent_path())
      made_.push_back(missing);
    for (auto missing = made_.rbegin(); missing != made_.rend(); ++missing)
      if (!fs::create_directory(*missing, error) && error) {
        remove_made();
        fail(path, "make the folder", error.value());
      }
    if (!fs::is_directory(path_, error)) fail(path, "write reports into it", ENOTDIR);
  }
  ~Folder() {
    if (!kept_) remove_made();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void keep() { kept_ = true; }
  const fs::path& path() const { return path_; }

 private:
  void remove_made() const {
    std::error_code ignored;
    for (const fs::path& made : made_) fs::remove(made, ignored);  // innermost first; refuses a folder that is not empty
  }
  fs::path path_;
  std::vector<fs::path> made_;
  bool kept_ = false;
};

// One writer at a time: two that exchange the same files would leave some of each. Where the file system has no locks (ENOLCK, ENOTSUP) nothing is locked.
class Lock {
 public:
  explicit Lock(const fs::path& directory) : folder_(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (folder_ < 0) fail(directory, "write reports into it", errno);
    while (flock(folder_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      if (errno == ENOLCK || errno == ENOTSUP || errno == ENOSYS) return;
      const int error = errno;
      close(folder_);
      fail(directory, "lock it", error);
    }
    held_ = true;
  }
  ~Lock() { close(folder_); }  // unlocks, as the end of the process does
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  bool held() const { return held_; }

 private:
  int folder_;
  bool held_ = false;
};

constexpr std::string_view staging_prefix = ".snellen-";

// What writers that were killed have left.
void remove_leftovers(const fs::path& directory) {
  std::error_code ignored;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator entry(directory, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(staging_prefix) && name.size() == staging_prefix.size() + 6 && fs::is_directory(entry->symlink_status(ignored))) leftovers.push_back(entry->path());
  }
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover, ignored);
}

// A folder inside the target, so that renaming out of it stays within one file system.
class Staging {
 public:
  explicit Staging(const fs::path& directory) {
    std::string pattern = (directory / (std::string(staging_prefix) + "XXXXXX")).string();
    if (!mkdtemp(pattern.data())) fail(directory, "write reports into it", errno);
    path_ = pattern;
  }
  ~Staging() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Renames new files into place; a rename that fails undoes those before it.
class Exchange {
 public:
  Exchange(const fs::path& staging, const fs::path& directory) : staging_(staging), directory_(directory) {}
  ~Exchange() {
    if (complete_) return;
    for (auto name = placed_.rbegin(); name != placed_.rend(); ++name) unlink((directory_ / *name).c_str());
    for (auto name = set_aside_.rbegin(); name != set_aside_.rend(); ++name) rename((staging_ / ("old-" + *name)).c_str(), (directory_ / *name).c_str());
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void set_aside(const std::string& name) {
    const fs::path target = directory_ / name;
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(target, error))) fail(target, "write the report", EISDIR);
    if (rename(target.c_str(), (staging_ / ("old-" + name)).c_str()) == 0)
      set_aside_.push_back(name);
    else if (errno != ENOENT)
      fail(target, "replace the earlier report", errno);
  }
  void place(const std::string& name) {
    if (rename((staging_ / name).c_str(), (directory_ / name).c_str()) != 0) fail(directory_ / name, "write the report", errno);
    placed_.push_back(name);
  }
  void complete() { complete_ = true; }

 private:
  fs::path staging_, directory_;
  std::vector<std::string> set_aside_, placed_;
  bool complete_ = false;
};

}  // namespace

void write_all_or_none(const std::vector<File>& files, const fs::path& directory) {
  Folder folder(directory);
  const Lock lock(folder.path());
  if (lock.held()) remove_leftovers(folder.path());
  const Staging staging(folder.path());
  for (const File& file : files) write_new_file(staging.path() / file.name, directory / file.name, file.content, "the report");
  sync_folder(staging.path(), "the report");
  Exchange exchange(staging.path(), folder.path());
  // All old ones go before the first new one comes: whatever stops us here, old and new never stand side by side. The last file goes first and comes last:
  // even where we are killed on the way, the others are there whenever it is.
  for (auto file = files.rbegin(); file != files.rend(); ++file) exchange.set_aside(file->name);
  for (const File& file : files) exchange.place(file.name);
  sync_folder(folder.path(), "the report");
  exchange.complete();
  folder.keep();
}

Written write_reports(const Certification& c, const Environment& environment, const fs::path& directory) {
  Written result;
  const Pictures pictures = draw(c);
  for (const Picture& picture : pictures.distances)
    if (!picture.problem.empty()) result.warnings.push_back("no distance plot: " + picture.problem);
  if (!c.rows.empty() && !pictures.verdicts.problem.empty())
    result.warnings.push_back("no plot of the verdicts: " + pictures.verdicts.problem);
  if (!c.rows.empty() && !pictures.collapse.problem.empty())
    result.warnings.push_back("no plot of the lengths: " + pictures.collapse.problem);
  // report.json last: where it is, the others are.
  const std::vector<File> files = {{"environment.json", json_text(environment_report(environment))},
                                   {"certificate.json", json_text(certificate(c))},
                                   {"distances.csv", csv_report(c)},
                                   {"report.html", html_report(c, pictures)},
                                   {"report.json", json_text(json_report(c))}};
  write_all_or_none(files, directory);
  for (const File& file : files) result.files.push_back(directory / file.name);
  return result;
}

}  // namespace snellen
