#include "lib/files/durable.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what, int error) {
  throw InputError(printable(path.string()), "cannot write " + what + ": " + std::strerror(error));
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int close() {  // some systems report a full disk only here
    const int result = ::close(value_);
    value_ = -1;
    return result;
  }

 private:
  int value_;
};

// A name that no other process, on this machine or another, takes for the same file.
fs::path temporary_name(const fs::path& path) {
  std::random_device device;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%08x%08x", device(), device());
  return path.string() + "." + digits + ".tmp";
}

// Written and synchronised, removed again unless it was moved to its place.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& target, std::string_view content) : path_(temporary_name(target)) {
    try {
      write_new_file(path_, target, content);
    } catch (...) {
      unlink(path_.c_str());
      throw;
    }
  }
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const fs::path& path() const { return path_; }
  void moved() { path_.clear(); }

 private:
  fs::path path_;
};

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

void write_new_file(const fs::path& path, const fs::path& shown, std::string_view content, const std::string& what) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (file.get() < 0) fail(shown, what, errno);
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t count = ::write(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(shown, what, errno);
    done += static_cast<std::size_t>(count);
  }
  if (fsync(file.get()) != 0 || file.close() != 0) fail(shown, what, errno);
}

void sync_folder(const fs::path& path, const std::string& what) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0 || (fsync(folder.get()) != 0 && errno != EINVAL)) fail(path, what, errno);
}

void replace_file(const fs::path& path, std::string_view content) {
  TemporaryFile temporary(path, content);
  if (rename(temporary.path().c_str(), path.c_str()) != 0) fail(path, "the file", errno);
  temporary.moved();
  sync_folder(folder_of(path));
}

bool create_file(const fs::path& path, std::string_view content) {
  const TemporaryFile temporary(path, content);
  // A link, unlike a rename, refuses to replace what is there.
  if (link(temporary.path().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return false;
    fail(path, "the file", errno);
  }
  sync_folder(folder_of(path));
  return true;
}

}  // namespace snellen
