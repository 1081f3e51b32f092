// How much memory C++ code holds: operator new is counted in every program that links allocation.cpp.
#pragma once

#include <cstddef>

namespace snellen::fuzz {

// Starts a count; of this thread alone.
class Allocated {
 public:
  Allocated();
  std::size_t most_since() const;  // the most bytes held at any time since then, beyond what was held then

 private:
  std::size_t before_;
};

}  // namespace snellen::fuzz
