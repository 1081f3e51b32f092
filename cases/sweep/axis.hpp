// An axis of a sweep: keys of a case that take one value after another.
#pragma once

#include <toml++/toml.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cases/toml_section.hpp"

namespace snellen {

// One key ("model.random.layers") with its values, in their order.
struct AxisKey {
  std::string name;
  toml::source_region place;  // where messages about a value point
  std::vector<std::shared_ptr<const toml::node>> values;
};

struct SweepAxis {
  std::string label;                         // what reports call it
  std::vector<AxisKey> keys;                 // several move together (zip); all have as many values
  std::vector<std::string> names;            // of the values, for people: one each
  std::vector<std::optional<double>> numbers;  // of the first key's values, where they are numbers: to place them on an axis
  bool seeds = false;                        // differs by chance alone: reports show the spread
  std::size_t size() const { return names.size(); }
};

// The entries of `axis` in the sweep's file (an array of tables [[axis]]). InputError that names the file, the line and the key.
std::vector<SweepAxis> read_axes(const std::string& file, const toml::table& sweep, std::map<std::string, unsigned>& lines);

// `value` as a text that stands for it in tables and hashes: TOML's own values as JSON, tables with their keys in order.
std::string canonical_text(const toml::node& value);

}  // namespace snellen
