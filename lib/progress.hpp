// How long work reports on itself, and how it is asked to stop.
#pragma once

#include <cstddef>
#include <string>

namespace snellen {

// Work was stopped on request before it had a result.
struct Interrupted {};

class Progress {
 public:
  virtual ~Progress() = default;
  // A phase of `steps` steps of about the same cost begins.
  virtual void begin(const std::string& phase, std::size_t steps) = 0;
  // One more step is done. Throws Interrupted if the user asked to stop.
  virtual void step() = 0;
};

// Says nothing and never stops.
class SilentProgress final : public Progress {
 public:
  void begin(const std::string&, std::size_t) override {}
  void step() override {}
};

}  // namespace snellen
