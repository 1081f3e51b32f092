// A JSON object read strictly: every field must be asked for, or be known to change nothing; what nobody asked for is refused.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace snellen {

class ConfigFields {
 public:
  // `object` must outlive this; `prefix` ("rope_parameters.") stands before field names in messages.
  // All readers throw InputError(place, field, found, expected).
  ConfigFields(const nlohmann::json& object, std::string place, std::string prefix = "");

  const std::string& place() const { return place_; }
  const std::string& prefix() const { return prefix_; }
  // The field, or null when it is absent; it then counts as understood.
  const nlohmann::json* find(std::string_view name);
  bool present(std::string_view name) const { return object_.contains(name); }
  bool unread(std::string_view name) const { return present(name) && !read_.contains(name); }

  // A positive integer; without a fallback the field must be there.
  std::size_t size(std::string_view name, std::optional<std::size_t> fallback = {});
  std::optional<std::size_t> size_or_null(std::string_view name);  // nothing when absent or null
  // A positive finite number: the double nearest to the decimal.
  double positive(std::string_view name, double fallback);
  std::optional<double> positive_or_null(std::string_view name);
  bool flag(std::string_view name, bool fallback);
  std::string text(std::string_view name, std::optional<std::string> fallback = {});
  std::vector<std::string> texts(std::string_view name);  // an array of strings

  // Absent, or one of these values.
  void expect(std::string_view name, std::initializer_list<nlohmann::json> allowed);
  // These change nothing, whatever they say.
  void ignore(std::span<const std::string_view> names);
  void refuse_unread() const;

  [[noreturn]] void fail(std::string_view name, const std::string& expected) const;  // says what was found

 private:
  const nlohmann::json& object_;
  std::string place_, prefix_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace snellen
