// What a sweep's folder says of itself: names that become paths, places that become indices.
#include "cases/sweep/manifest.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const nlohmann::json manifest = parse_manifest(text_of(input), "sweep.json");
  const auto& axes = manifest.at("axes");
  check(!axes.empty() && manifest.at("points").size() <= max_sweep_points, "a sweep without axes or with too many points");
  for (const auto& point : manifest.at("points")) {
    for (const char c : point.at(0).get<std::string>()) check((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'), "a point's name that may be a path");
    check(point.at(1).size() == axes.size(), "a point off the axes");
    for (std::size_t a = 0; a < axes.size(); ++a) {
      const auto place = point.at(1).at(a).get<std::size_t>();
      check(axes[a].at("names").at(place).is_string(), "a name that is no text");
      check(axes[a].at("numbers").at(place).is_number() || axes[a].at("numbers").at(place).is_null(), "a number that is none");
    }
  }
}

const Registered registered({"manifest", run});

}  // namespace
}  // namespace snellen::fuzz
