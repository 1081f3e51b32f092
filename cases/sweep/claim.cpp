#include "cases/sweep/claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

// Touches the file and says how long before that it was touched last, both by the clock of the file system's server.
long seconds_since_touched(int descriptor) {
  struct stat before = {}, after = {};
  if (fstat(descriptor, &before) != 0 || futimens(descriptor, nullptr) != 0 || fstat(descriptor, &after) != 0) return claim_stale_seconds + 1;
  return static_cast<long>(after.st_mtim.tv_sec - before.st_mtim.tv_sec);
}

std::string content(int descriptor) {
  char text[300];
  const ssize_t count = pread(descriptor, text, sizeof text, 0);
  return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : "";
}

}  // namespace

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

PointClaim::PointClaim(PointClaim&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

PointClaim& PointClaim::operator=(PointClaim&& other) noexcept {
  if (this == &other) return *this;
  release();
  descriptor_ = std::exchange(other.descriptor_, -1);
  path_ = std::move(other.path_);
  return *this;
}

PointClaim::Attempt PointClaim::take(const std::filesystem::path& path) {
  const std::string mine = host_name() + "\n";
  const auto fail = [&](const char* what) -> Attempt {
    throw InputError(printable(path.string()), std::string(what) + ": " + std::strerror(errno));
  };
  bool made = true;
  int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) {
    made = false;
    descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);  // a link could lead to anybody's file, which would be written to
    if (descriptor < 0 && errno == ENOENT) return {State::unclear, {}};  // released at this moment
  }
  if (descriptor < 0) return fail("cannot claim the point");
  PointClaim claim(descriptor, path);
  // Who made the file waits for its lock: another process may have opened it first and looks at it, which takes a moment, and leaves it to us since nothing is written.
  int locked;
  do locked = flock(descriptor, made ? LOCK_EX : LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EINTR);
  if (locked != 0 && errno == EWOULDBLOCK) {
    claim.descriptor_ = -1;
    close(descriptor);
    return {State::held, {}};
  }
  // Locked, or on a file system without locks, where the file alone has to do.
  if (!made) {
    const std::string holder = content(descriptor);
    struct stat file = {}, now = {};
    const bool replaced = fstat(descriptor, &file) != 0 || stat(path.c_str(), &now) != 0 || file.st_ino != now.st_ino;
    // A holder of this machine that let go of its lock is dead, or released the claim between our two calls.
    struct timespec touched[2] = {file.st_mtim, file.st_mtim};
    if (replaced || (holder != mine && seconds_since_touched(descriptor) < claim_stale_seconds)) {
      if (!replaced) futimens(descriptor, touched);  // asking does not keep a claim alive
      claim.descriptor_ = -1;
      close(descriptor);
      return {State::unclear, {}};
    }
  }
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, mine.data(), mine.size(), 0) != static_cast<ssize_t>(mine.size())) return fail("cannot claim the point");
  return {State::taken, std::move(claim)};
}

void PointClaim::touch() const {
  if (descriptor_ >= 0) futimens(descriptor_, nullptr);
}

void PointClaim::release() {
  if (descriptor_ < 0) return;
  unlink(path_.c_str());  // before the lock goes: whoever has opened it sees that it was replaced
  close(descriptor_);
  descriptor_ = -1;
}

}  // namespace snellen
