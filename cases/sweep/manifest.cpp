#include "cases/sweep/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lib/error.hpp"
#include "lib/files/json.hpp"
#include "lib/files/printable.hpp"
#include "lib/version.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view schema = "snellen.sweep/1";

class Checked {
 public:
  explicit Checked(const std::string& place) : place_(place) {}

  void manifest(const nlohmann::json& json) {
    require(json.is_object() && json.contains("schema") && json["schema"] == schema, "found no sweep, expected the schema " + std::string(schema));
    for (const char* key : {"title", "name", "sha256"}) text(json, key, "");
    for (const char* key : {"x", "y", "criterion", "norm"}) text(list(json, "layout", nlohmann::json::value_t::object, ""), key, "layout.");
    std::size_t expected = 1;
    for (const nlohmann::json& one : list(json, "axes", nlohmann::json::value_t::array, "")) {
      axis(one);
      require(sizes_.back() > 0 && expected <= max_sweep_points / sizes_.back(), fmt::format("axes: found no point or more than {}", max_sweep_points));
      expected *= sizes_.back();
    }
    require(!sizes_.empty(), "axes: found none, expected one at least");
    const auto& points = list(json, "points", nlohmann::json::value_t::array, "");
    require(points.size() == expected, fmt::format("points: found {}, expected {}, the axes' product", points.size(), expected));
    for (const nlohmann::json& one : points) point(one);
  }

 private:
  void require(bool holds, const std::string& problem) const {
    if (!holds) throw InputError(place_, problem);
  }
  const nlohmann::json& list(const nlohmann::json& json, const char* key, nlohmann::json::value_t type, const std::string& where) const {
    require(json.contains(key) && json[key].type() == type, fmt::format("{}{}: found none, expected {}", where, key, type == nlohmann::json::value_t::object ? "a table" : "a list"));
    return json[key];
  }
  void text(const nlohmann::json& json, const char* key, const std::string& where) const {
    require(json.contains(key) && json[key].is_string(), fmt::format("{}{}: found no text, expected one", where, key));
  }
  void axis(const nlohmann::json& json) {
    const std::string where = fmt::format("axes[{}]", sizes_.size());
    require(json.is_object(), where + ": found no table, expected one");
    text(json, "label", where + ".");
    const auto& names = list(json, "names", nlohmann::json::value_t::array, where + ".");
    const auto& numbers = list(json, "numbers", nlohmann::json::value_t::array, where + ".");
    require(std::all_of(names.begin(), names.end(), [](const auto& one) { return one.is_string(); }), where + ".names: found something else, expected texts");
    require(numbers.size() == names.size() && std::all_of(numbers.begin(), numbers.end(), [](const auto& one) { return one.is_number() || one.is_null(); }),
            where + ".numbers: found something else, expected a number or null for each name");
    require(json.contains("seeds") && json["seeds"].is_boolean(), where + ".seeds: found something else, expected true or false");
    sizes_.push_back(names.size());
  }
  void point(const nlohmann::json& json) {
    const std::string where = fmt::format("points[{}]", points_++);
    require(json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_array(), where + ": found something else, expected a name and a list of places");
    const auto& name = json[0].get_ref<const std::string&>();
    require(name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string::npos, fmt::format("{}: found the name {}, expected 32 hexadecimal digits", where, in_quotes(name)));
    require(json[1].size() == sizes_.size(), fmt::format("{}: found {} places, expected one on each of {} axes", where, json[1].size(), sizes_.size()));
    for (std::size_t a = 0; a < sizes_.size(); ++a)
      require(json[1][a].is_number_unsigned() && json[1][a].get<std::uint64_t>() < sizes_[a], fmt::format("{}: found a place beyond axis {}, expected one below {}", where, a, sizes_[a]));
  }

  const std::string& place_;
  std::vector<std::size_t> sizes_;  // of the axes so far
  std::size_t points_ = 0;
};

}  // namespace

Json manifest_of(const Sweep& sweep) {
  Json axes = Json::array(), points = Json::array();
  for (const SweepAxis& axis : sweep.axes) {
    Json keys = Json::array(), numbers = Json::array();
    for (const AxisKey& key : axis.keys) {
      Json values = Json::array();
      for (const auto& value : key.values) values.push_back(Json::parse(canonical_text(*value)));
      keys.push_back({{"key", key.name}, {"values", std::move(values)}});
    }
    for (const auto& number : axis.numbers) numbers.push_back(number ? Json(*number) : Json(nullptr));
    axes.push_back({{"label", axis.label}, {"names", axis.names}, {"numbers", std::move(numbers)}, {"seeds", axis.seeds}, {"keys", std::move(keys)}});
  }
  for (const SweepPoint& point : sweep.points) points.push_back({point.name, point.at});
  return {{"schema", "snellen.sweep/1"},
          {"title", sweep.title},
          {"name", sweep.name},
          {"sha256", sweep.sha256},
          {"version", version().version},
          {"distances", sweep.distances},
          {"layout", {{"x", sweep.layout.x}, {"y", sweep.layout.y}, {"criterion", sweep.layout.criterion}, {"norm", sweep.layout.norm}}},
          {"axes", std::move(axes)},
          {"points", std::move(points)}};
}

nlohmann::json parse_manifest(std::string_view text, const std::string& place) {
  nlohmann::json json = parse_json(text, place);
  Checked(place).manifest(json);
  return json;
}

}  // namespace snellen
