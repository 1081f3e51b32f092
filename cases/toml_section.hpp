// One table of a TOML file, read key by key with the types and ranges that are expected; every error names the file, the line and the key.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace snellen {

class TomlSection {
 public:
  // `name` is the table's full name ("family.lengths"), empty for the whole file; `lines` collects the lines of its keys. InputError at a key
  // that is not among `known`.
  TomlSection(std::string file, std::string name, const toml::table& table, std::initializer_list<std::string_view> known,
              std::map<std::string, unsigned>& lines);

  bool has(std::string_view key) const { return table_.contains(key); }
  bool has_list(std::string_view key) const { return has(key) && table_.get(key)->is_array(); }
  bool has_table(std::string_view key) const { return has(key) && table_.get(key)->is_table(); }
  bool has_text(std::string_view key) const { return has(key) && table_.get(key)->is_string(); }
  // InputError at this key: "found ..., expected `expected`".
  [[noreturn]] void refuse(std::string_view key, const std::string& expected) const;
  // InputError at this key (at the table where the key is absent or "") with a message of one's own.
  [[noreturn]] void fail(std::string_view key, const std::string& message) const;
  // InputError where `key` is absent: "missing, expected ...".
  void require(std::string_view key, const std::string& expected) const;

  // Each is empty where the key is absent.
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  std::optional<double> number(std::string_view key) const;  // an integer or a decimal: the double nearest to it; finite
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> token_ids(std::string_view key) const;
  std::optional<std::vector<double>> numbers(std::string_view key) const;
  std::optional<std::vector<std::string>> strings(std::string_view key) const;  // without duplicates
  std::optional<TomlSection> section(std::string_view key, std::initializer_list<std::string_view> known) const;

  // One of the names in `choices`.
  template <class Value>
  std::optional<Value> choice(std::string_view key, std::initializer_list<std::pair<std::string_view, Value>> choices) const {
    const std::optional<std::string> name = string(key);
    if (!name) return std::nullopt;
    for (const auto& [known, value] : choices) {
      if (known == *name) return value;
    }
    std::vector<std::string> names;
    for (const auto& [known, value] : choices) names.emplace_back(known);
    refuse_name(key, *name, names);
  }
  // A list of such names; `find` gives a value or an empty optional, `names` are what to suggest.
  template <class Find>
  auto list(std::string_view key, const std::vector<std::string>& names, Find find) const {
    std::vector<typename decltype(find(std::string_view()))::value_type> values;
    const auto given = strings(key);
    for (const std::string& name : given ? *given : std::vector<std::string>{}) {
      auto value = find(std::string_view(name));
      if (!value) refuse_name(key, name, names);
      values.push_back(std::move(*value));
    }
    return values;
  }

 private:
  [[noreturn]] void refuse_name(std::string_view key, const std::string& found, const std::vector<std::string>& names) const;
  std::string place(std::string_view key) const;

  std::string file_, name_;
  const toml::table& table_;
  std::map<std::string, unsigned>& lines_;
};

// The candidate most like `word` (edit distance), if any is like it.
std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace snellen
