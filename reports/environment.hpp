// environment.json (schema "snellen.environment/1"): on what machine and with which libraries a result was computed, and how long
// it took. The only report that differs between machines.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace snellen {

struct Phase {
  std::string name;
  double seconds = 0;  // wall time
};

struct Environment {
  std::string version, commit, compiler, flags;
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version as loaded
  std::string cpu;                                             // model name; empty if the system does not say
  int threads = 0;
  std::vector<Phase> phases;
};

// This build, its libraries and the processor; threads and phases are left to the caller.
Environment this_environment();

nlohmann::ordered_json environment_report(const Environment& environment);

}  // namespace snellen
