#include "cases/toml_section.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

std::string with_name(const std::string& section, std::string_view key) {
  return section + (section.empty() || key.empty() ? "" : ".") + std::string(key);
}

// What a message shows of a value.
std::string shown(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return node.as_array()->empty() ? "an empty list" : "a list";
  if (const auto* text = node.as_string()) return "\"" + printable(text->get()) + "\"";
  std::ostringstream out;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) out << value;
  });
  return out.str();
}

// Insertions, deletions, replacements and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 100) return best;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least) least = distance, best = candidate;
  }
  return best;
}

TomlSection::TomlSection(std::string file, std::string name, const toml::table& table, std::initializer_list<std::string_view> known,
                         std::map<std::string, unsigned>& lines)
    : file_(std::move(file)), name_(std::move(name)), table_(table), lines_(lines) {
  if (!name_.empty()) lines_.try_emplace(name_, table.source().begin.line);
  for (const auto& [key, value] : table_) lines_[with_name(name_, key.str())] = key.source().begin.line;
  const std::vector<std::string> names(known.begin(), known.end());
  // The first in the file, not in the alphabet.
  const toml::key* unknown = nullptr;
  for (const auto& [key, value] : table_) {
    if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
    if (!unknown || key.source().begin < unknown->source().begin) unknown = &key;
  }
  if (!unknown) return;
  const auto suggestion = nearest_name(unknown->str(), names);
  fail(unknown->str(), "found an unknown key, expected one of " + joined(names) + (suggestion ? "; did you mean " + *suggestion + "?" : ""));
}

std::string TomlSection::place(std::string_view key) const {
  auto line = lines_.find(with_name(name_, key));
  if (line == lines_.end()) line = lines_.find(name_);  // a table that was put together has no place of its own, its key has
  const unsigned number = line != lines_.end() ? line->second : std::max(1u, static_cast<unsigned>(table_.source().begin.line));
  return file_ + ":" + std::to_string(number) + ": " + printable(with_name(name_, key));
}

void TomlSection::fail(std::string_view key, const std::string& message) const { throw InputError(place(key), message); }

void TomlSection::refuse(std::string_view key, const std::string& expected) const {
  fail(key, "found " + shown(*table_.get(key)) + ", expected " + expected);
}

void TomlSection::refuse_name(std::string_view key, const std::string& found, const std::vector<std::string>& names) const {
  const auto suggestion = nearest_name(found, names);
  fail(key, "found \"" + printable(found) + "\", expected one of " + joined(names) + (suggestion ? "; did you mean " + *suggestion + "?" : ""));
}

void TomlSection::require(std::string_view key, const std::string& expected) const {
  if (!has(key)) fail(key, "missing, expected " + expected);
}

std::optional<std::int64_t> TomlSection::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
  if (!has(key)) return std::nullopt;
  const auto* value = table_.get(key)->as_integer();
  if (!value || value->get() < least || value->get() > most) {
    const bool bounded = most != std::numeric_limits<std::int64_t>::max();
    refuse(key, bounded ? "an integer from " + std::to_string(least) + " to " + std::to_string(most) : "an integer, at least " + std::to_string(least));
  }
  return value->get();
}

std::optional<double> TomlSection::number(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const std::optional<double> value = table_.get(key)->is_number() ? table_.get(key)->value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value)) refuse(key, "a finite number");
  return value;
}

std::optional<bool> TomlSection::boolean(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto* value = table_.get(key)->as_boolean();
  if (!value) refuse(key, "true or false");
  return value->get();
}

std::optional<std::string> TomlSection::string(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto* value = table_.get(key)->as_string();
  if (!value) refuse(key, "a text in quotes");
  return value->get();
}

std::optional<std::vector<std::int64_t>> TomlSection::token_ids(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const std::string expected = "a list of token ids (integers from 0) such as [1, 2]";
  const auto* array = table_.get(key)->as_array();
  if (!array) refuse(key, expected);
  std::vector<std::int64_t> ids;
  for (const toml::node& entry : *array) {
    const auto* id = entry.as_integer();
    if (!id || id->get() < 0) fail(key, "found " + shown(entry) + " in the list, expected " + expected);
    ids.push_back(id->get());
  }
  return ids;
}

std::optional<std::vector<double>> TomlSection::numbers(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto* array = table_.get(key)->as_array();
  if (!array) refuse(key, "a list of numbers");
  std::vector<double> values;
  for (const toml::node& entry : *array) {
    if (!entry.is_number()) fail(key, "found " + shown(entry) + " in the list, expected numbers");
    values.push_back(*entry.value<double>());
  }
  return values;
}

std::optional<std::vector<std::string>> TomlSection::strings(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto* array = table_.get(key)->as_array();
  if (!array) refuse(key, "a list of names such as [\"a\", \"b\"]");
  std::vector<std::string> values;
  for (const toml::node& entry : *array) {
    const auto* name = entry.as_string();
    if (!name) fail(key, "found " + shown(entry) + " in the list, expected names in quotes");
    if (std::find(values.begin(), values.end(), name->get()) != values.end()) {
      fail(key, "found \"" + printable(name->get()) + "\" twice, expected each name once");
    }
    values.push_back(name->get());
  }
  return values;
}

std::optional<TomlSection> TomlSection::section(std::string_view key, std::initializer_list<std::string_view> known) const {
  if (!has(key)) return std::nullopt;
  const auto* table = table_.get(key)->as_table();
  if (!table) refuse(key, "a table");
  return TomlSection(file_, with_name(name_, key), *table, known, lines_);
}

}  // namespace snellen
