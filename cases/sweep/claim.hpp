// Which process computes which point. A claim saves work and is never needed for a right result: two processes that compute the same point write the same
// bytes to the same place, each of them at once.
//
// A claim is a file that its holder keeps locked (flock) and touches now and then. The lock goes with the process, however it ends, so that on one machine a
// dead holder never blocks a point. On another machine a lock may not be seen (Lustre mounted with `localflock`, file systems without locks): there a claim
// also stands while it was touched less than a minute ago, by the file system's own clock.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace snellen {

class PointClaim {
 public:
  enum class State {
    taken,    // it is ours
    held,     // a living process has it
    unclear,  // it was another machine's until less than a minute ago: ask again later
  };
  struct Attempt;
  // The claim at `path`, whose folder is there. InputError where the file cannot be made.
  static Attempt take(const std::filesystem::path& path);

  PointClaim(PointClaim&& other) noexcept;
  PointClaim& operator=(PointClaim&& other) noexcept;
  ~PointClaim() { release(); }
  // Says that its holder lives.
  void touch() const;
  // Removes it.
  void release();

 private:
  PointClaim(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  std::filesystem::path path_;
};

struct PointClaim::Attempt {
  State state;
  std::optional<PointClaim> claim;
};

// Seconds between two touches, and after how many a claim of another machine stands no more.
inline constexpr int claim_touch_seconds = 10, claim_stale_seconds = 60;

// This machine, as claims name it.
std::string host_name();

}  // namespace snellen
