#include "reports/environment.hpp"

#include <boost/version.hpp>
#include <gmp.h>
#include <mpfi.h>
#include <mpfr.h>

#include <fstream>

#include "lib/number/flint.hpp"

namespace snellen {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#else
  return "unknown";
#endif
}

std::string cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(line.find_first_not_of(" \t", colon + 1));
  }
  return {};
}

}  // namespace

Environment this_environment() {
  Environment result;
  result.compiler = compiler();
  result.libraries = {{"MPFR", mpfr_get_version()}, {"MPFI", mpfi_get_version()}, {"FLINT", flint_version}, {"GMP", gmp_version}};
#if __FLINT_RELEASE < 30000  // FLINT 3 contains Arb
  result.libraries.emplace_back("Arb", arb_version);
#endif
  std::string boost = BOOST_LIB_VERSION;
  for (char& c : boost) c = c == '_' ? '.' : c;
  result.libraries.emplace_back("Boost", boost);
  result.cpu = cpu();
  return result;
}

nlohmann::ordered_json environment_report(const Environment& environment) {
  nlohmann::ordered_json libraries = nlohmann::ordered_json::object(), phases = nlohmann::ordered_json::array();
  for (const auto& [name, version] : environment.libraries) libraries[name] = version;
  for (const Phase& phase : environment.phases) phases.push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  return {{"schema", "snellen.environment/1"}, {"version", environment.version}, {"commit", environment.commit},
          {"compiler", environment.compiler},  {"flags", environment.flags},     {"libraries", std::move(libraries)},
          {"cpu", environment.cpu},            {"threads", environment.threads}, {"phases", std::move(phases)}};
}

}  // namespace snellen
