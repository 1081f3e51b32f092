#include "cases/sweep/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

// More values on one axis are a slip of the keyboard.
constexpr std::int64_t most_values = 100'000;

nlohmann::json json_of(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    nlohmann::json result = nlohmann::json::object();  // sorted by key
    for (const auto& [key, value] : *table) result[std::string(key.str())] = json_of(value);
    return result;
  }
  if (const auto* array = node.as_array()) {
    nlohmann::json result = nlohmann::json::array();
    for (const toml::node& value : *array) result.push_back(json_of(value));
    return result;
  }
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_floating_point()) {
    if (std::isfinite(value->get())) return value->get();
    return fmt::format("{}", value->get());
  }
  std::ostringstream text;  // dates and times, which no key of a case takes: its reader says so
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) text << value;
  });
  return text.str();
}

// For people: a text without its quotes, the rest as it is hashed.
std::string name_of(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  return canonical_text(value);
}

template <class T>
std::shared_ptr<const toml::node> node_of(T value) {
  return std::make_shared<toml::value<T>>(value);
}

std::vector<std::shared_ptr<const toml::node>> read_range(const TomlSection& axis) {
  const TomlSection range = *axis.section("range", {"from", "to", "step", "factor"});
  for (const std::string_view key : {"from", "to"}) range.require(key, "a number: range = { from = 1, to = 8, step = 1 } or { from = 1, to = 64, factor = 2 }");
  if (range.has("step") && range.has("factor")) range.fail("factor", "found both step and factor, expected one of them");
  const double from = *range.number("from"), to = *range.number("to");
  const bool grows = range.has("factor");
  const double by = (grows ? range.number("factor") : range.number("step")).value_or(1);
  if (grows ? by <= 1 || from <= 0 : by <= 0) range.refuse(grows ? "factor" : "step", grows ? "a factor above 1, and from above 0" : "a number above 0");
  if (to < from) range.refuse("to", "a number that is at least `from`");
  const auto whole = [](double x) { return x == std::floor(x) && std::abs(x) < 9e15; };
  std::vector<std::shared_ptr<const toml::node>> values;
  double value = from;
  // Multiplied out each time, so that no error of rounding adds up: a thousand steps of 0.1 end at 100.
  for (std::int64_t k = 0; value <= to * (1 + 1e-12); ++k, value = grows ? from * std::pow(by, static_cast<double>(k)) : from + static_cast<double>(k) * by) {
    if (k == most_values) range.fail("to", fmt::format("found a range of more than {} values, expected fewer", most_values));
    if (whole(from) && whole(by))
      values.push_back(node_of<std::int64_t>(std::llround(value)));
    else
      values.push_back(node_of<double>(value));
  }
  return values;
}

std::vector<std::shared_ptr<const toml::node>> read_seeds(const TomlSection& axis) {
  std::int64_t from = 1, count = 0;
  if (axis.has_table("seeds")) {
    const TomlSection seeds = *axis.section("seeds", {"from", "count"});
    seeds.require("count", "how many seeds");
    from = seeds.integer("from", 0).value_or(1);
    count = *seeds.integer("count", 1, most_values);
  } else {
    count = *axis.integer("seeds", 1, most_values);
  }
  std::vector<std::shared_ptr<const toml::node>> values;
  for (std::int64_t k = 0; k < count; ++k) values.push_back(node_of<std::int64_t>(from + k));
  return values;
}

// Copies of a list's entries: a node is taken as its own type.
std::vector<std::shared_ptr<const toml::node>> read_values(const toml::array& list) {
  std::vector<std::shared_ptr<const toml::node>> values;
  for (const toml::node& entry : list)
    entry.visit([&](const auto& value) { values.push_back(std::make_shared<std::remove_cvref_t<decltype(value)>>(value)); });
  return values;
}

AxisKey read_key(const TomlSection& axis, const toml::table& table) {
  axis.require("key", "a key of the case, such as key = \"model.random.layers\"");
  AxisKey key{*axis.string("key"), table.get("key")->source(), {}};
  const bool plain = !key.name.empty() && key.name.front() != '.' && key.name.back() != '.' && key.name.find("..") == std::string::npos &&
                     std::all_of(key.name.begin(), key.name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; });
  if (!plain) axis.refuse("key", "a key of the case, its parts joined by dots, such as \"model.random.layers\"");
  const int given = int{axis.has("values")} + int{axis.has("range")} + int{axis.has("seeds")};
  if (given != 1) axis.fail("key", fmt::format("found {} of values, range and seeds for this axis, expected one of them", given == 0 ? "none" : "several"));
  if (axis.has("range")) {
    key.values = read_range(axis);
  } else if (axis.has("seeds")) {
    key.values = read_seeds(axis);
  } else {
    if (!axis.has_list("values")) axis.refuse("values", "a list, such as values = [1, 2, 4]");
    key.values = read_values(*table.get("values")->as_array());
  }
  if (key.values.empty()) axis.refuse(axis.has("values") ? "values" : "range", "at least one value");
  std::set<std::string> seen;
  for (const auto& value : key.values)
    if (!seen.insert(canonical_text(*value)).second) axis.fail("key", "found the value " + printable(canonical_text(*value)) + " twice, expected each once");
  return key;
}

SweepAxis read_axis(const TomlSection& section, const std::string& file, const toml::table& table, std::map<std::string, unsigned>& lines) {
  SweepAxis axis;
  if (section.has("zip")) {
    for (const std::string_view key : {"key", "values", "range", "seeds"})
      if (section.has(key)) section.fail(key, "found it beside zip, expected the keys within zip = [{ key, values }, ...]");
    const auto* list = table.get("zip")->as_array();
    if (!list || list->empty()) section.refuse("zip", "a list of tables { key, values }, { key, range } or { key, seeds }");
    for (const toml::node& entry : *list) {
      if (!entry.is_table()) section.refuse("zip", "a list of tables { key, values }, { key, range } or { key, seeds }");
      const TomlSection part(file, "axis.zip", *entry.as_table(), {"key", "values", "range", "seeds"}, lines);
      axis.keys.push_back(read_key(part, *entry.as_table()));
      if (axis.keys.back().values.size() != axis.keys[0].values.size())
        part.fail("key", fmt::format("found {} values for {} beside {} for {}, expected as many", axis.keys.back().values.size(), axis.keys.back().name,
                                     axis.keys[0].values.size(), axis.keys[0].name));
    }
  } else {
    axis.keys.push_back(read_key(section, table));
    axis.seeds = section.has("seeds");
  }
  const AxisKey& first = axis.keys[0];
  for (const auto& value : first.values) {
    axis.names.push_back(name_of(*value));
    axis.numbers.push_back(value->is_number() ? value->value<double>() : std::nullopt);
  }
  axis.label = section.string("label").value_or(first.name.substr(first.name.rfind('.') + 1));
  if (axis.label.empty()) section.refuse("label", "a name");
  if (const auto names = section.strings("names")) {
    if (names->size() != axis.names.size()) section.fail("names", fmt::format("found {} names for {} values, expected as many", names->size(), axis.names.size()));
    axis.names = *names;
  }
  return axis;
}

}  // namespace

std::string canonical_text(const toml::node& value) { return json_of(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

std::vector<SweepAxis> read_axes(const std::string& file, const toml::table& sweep, std::map<std::string, unsigned>& lines) {
  std::vector<SweepAxis> axes;
  const toml::array* list = sweep.get("axis") ? sweep.get("axis")->as_array() : nullptr;
  if (!list || !list->is_homogeneous<toml::table>()) {
    const unsigned line = sweep.get("axis") ? static_cast<unsigned>(sweep.get("axis")->source().begin.line) : 1u;
    throw InputError(fmt::format("{}:{}: axis", file, line), "found none, expected at least one [[axis]] with a key and its values");
  }
  std::set<std::string> labels;
  std::map<std::string, std::string> keys;  // who sets them
  for (const toml::node& entry : *list) {
    const toml::table& table = *entry.as_table();
    std::map<std::string, unsigned> own;  // every axis has the same keys: the lines of this one
    const TomlSection section(file, "axis", table, {"key", "values", "range", "seeds", "zip", "label", "names"}, own);
    SweepAxis axis = read_axis(section, file, table, own);
    if (!labels.insert(axis.label).second) section.fail("label", "found a second axis called \"" + printable(axis.label) + "\", expected each once: label = \"...\"");
    for (const AxisKey& key : axis.keys) {
      for (const auto& [other, label] : keys)
        if (other == key.name || other.starts_with(key.name + ".") || key.name.starts_with(other + "."))
          section.fail("key", "found " + printable(key.name) + " beside " + printable(other) + " of another axis, expected each key once");
      keys[key.name] = axis.label;
      lines[key.name] = static_cast<unsigned>(key.place.begin.line);
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace snellen
