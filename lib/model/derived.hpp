// What is computed from weights alone (integers to multiply by, norms), kept with the tensor from one pass to the next.
//
// One thing of each type, for as long as the tensor lives and while there is room: all tensors together keep at most `most_kept_bytes`. Beyond that nothing
// is kept and everything is computed again. What is kept never changes a result, only when it is computed.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <typeindex>
#include <utility>
#include <vector>

namespace snellen {

// An eighth of the memory that this process may use: physical memory, limits of the process and of its control group.
std::size_t most_kept_bytes();

class Derived {
 public:
  explicit Derived(std::size_t most_bytes = most_kept_bytes()) : most_(most_bytes) {}
  ~Derived();
  Derived(const Derived&) = delete;
  Derived& operator=(const Derived&) = delete;

  // The T that is kept, if serves(T) says that it is the one wanted; else what make() returns, which replaces it. T::bytes() is the room it takes. A kept T must
  // not own the tensor. Safe from several threads: two that ask at once may both compute.
  template <class T, class Serves, class Make>
  std::shared_ptr<const T> get(const Serves& serves, const Make& make) const {
    if (auto found = std::static_pointer_cast<const T>(find(typeid(T))); found && serves(*found)) return found;
    auto made = std::make_shared<const T>(make());
    keep(typeid(T), made, made->bytes());
    return made;
  }

  // Of all tensors, now.
  static std::size_t kept_bytes() { return all_bytes_; }

 private:
  struct Entry {
    std::type_index type;
    std::shared_ptr<const void> value;
    std::size_t bytes;
  };
  std::shared_ptr<const void> find(std::type_index type) const;
  void keep(std::type_index type, std::shared_ptr<const void> value, std::size_t bytes) const;

  static std::atomic<std::size_t> all_bytes_;
  std::size_t most_;
  mutable std::mutex mutex_;
  mutable std::vector<Entry> entries_;
};

}  // namespace snellen
