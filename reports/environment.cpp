#include "reports/environment.hpp"

#include <fstream>

#include "lib/version.hpp"

namespace snellen {
namespace {

std::string cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
      return line.substr(line.find_first_not_of(" \t", colon + 1));
  }
  return {};
}

}  // namespace

Environment this_environment() {
  const Version build = version();
  Environment result;
  result.version = build.version;
  result.commit = build.commit;
  result.compiler = build.compiler;
  result.flags = build.flags;
  result.libraries = {
      {"MPFR", build.mpfr}, {"MPFI", build.mpfi}, {"FLINT", build.flint}, {"GMP", build.gmp}, {"Boost", build.boost}};
  result.cpu = cpu();
  return result;
}

nlohmann::ordered_json environment_report(const Environment& environment) {
  nlohmann::ordered_json libraries = nlohmann::ordered_json::object(), phases = nlohmann::ordered_json::array();
  for (const auto& [name, version] : environment.libraries) libraries[name] = version;
  for (const Phase& phase : environment.phases) phases.push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  return {{"schema", "snellen.environment/1"},
          {"version", environment.version},
          {"commit", environment.commit},
          {"compiler", environment.compiler},
          {"flags", environment.flags},
          {"libraries", std::move(libraries)},
          {"cpu", environment.cpu},
          {"threads", environment.threads},
          {"phases", std::move(phases)}};
}

}  // namespace snellen
