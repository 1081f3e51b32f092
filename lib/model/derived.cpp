#include "lib/model/derived.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace snellen {
namespace {

// A control group's limit, if the file is there and holds a number ("max": none).
std::size_t limit_in(const std::string& file) {
  std::ifstream in(file);
  std::size_t bytes = 0;
  return in >> bytes ? bytes : std::numeric_limits<std::size_t>::max();
}

// The least of this process's control group and those around it; batch systems set their limits there.
std::size_t group_limit() {
  std::size_t least = std::numeric_limits<std::size_t>::max();
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // HIERARCHY:CONTROLLERS:PATH
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty(), memory = ("," + controllers + ",").find(",memory,") != std::string::npos;
    if (!unified && !memory) continue;
    const std::string root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", name = unified ? "memory.max" : "memory.limit_in_bytes";
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      least = std::min(least, limit_in(root + path + "/" + name));
      if (path.empty()) break;
    }
  }
  return least;
}

}  // namespace

std::atomic<std::size_t> Derived::all_bytes_ = 0;

std::size_t most_kept_bytes() {
  static const std::size_t most = [] {
    std::size_t least = group_limit();
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    if (pages > 0 && page > 0) least = std::min(least, static_cast<std::size_t>(pages) * static_cast<std::size_t>(page));
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
      rlimit limit{};
      if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) least = std::min<std::size_t>(least, limit.rlim_cur);
    }
    return least / 8;
  }();
  return most;
}

Derived::~Derived() {
  for (const Entry& entry : entries_) all_bytes_ -= entry.bytes;
}

std::shared_ptr<const void> Derived::find(std::type_index type) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.type == type; });
  return at == entries_.end() ? nullptr : at->value;
}

void Derived::keep(std::type_index type, std::shared_ptr<const void> value, std::size_t bytes) const {
  Entry old{type, nullptr, 0};  // dropped after the lock
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.type == type; });
  if (at != entries_.end()) {
    old = std::move(*at);
    entries_.erase(at);
    all_bytes_ -= old.bytes;
  }
  if ((all_bytes_ += bytes) > most_) {
    all_bytes_ -= bytes;
    return;
  }
  try {
    entries_.push_back({type, std::move(value), bytes});
  } catch (...) {
    all_bytes_ -= bytes;
    throw;
  }
}

}  // namespace snellen
