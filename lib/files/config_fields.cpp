#include "lib/files/config_fields.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {

using nlohmann::json;

ConfigFields::ConfigFields(const json& object, std::string place, std::string prefix)
    : object_(object), place_(std::move(place)), prefix_(std::move(prefix)) {
  if (!object_.is_object()) {
    throw InputError(place_, fmt::format("{} is {}, expected an object", prefix_.empty() ? "the text" : in_quotes(prefix_),
                                         object_.type_name()));
  }
}

void ConfigFields::fail(std::string_view name, const std::string& expected) const {
  const auto found = object_.find(name);
  throw InputError(place_, fmt::format("field {} is {}, expected {}", in_quotes(prefix_ + std::string(name)),
                                       found == object_.end() ? "missing" : printable(found->dump()), expected));
}

const json* ConfigFields::find(std::string_view name) {
  read_.emplace(name);
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

std::size_t ConfigFields::size(std::string_view name, std::optional<std::size_t> fallback) {
  const json* value = find(name);
  if (!value && fallback) return *fallback;
  if (!value || !value->is_number_unsigned() || value->get<std::uint64_t>() == 0) fail(name, "a positive integer");
  return value->get<std::size_t>();
}

std::optional<std::size_t> ConfigFields::size_or_null(std::string_view name) {
  const json* value = find(name);
  if (!value || value->is_null()) return std::nullopt;
  return size(name);
}

double ConfigFields::positive(std::string_view name, double fallback) {
  const json* value = find(name);
  if (!value) return fallback;
  if (!value->is_number()) fail(name, "a positive number");
  const double number = value->get<double>();
  if (!(number > 0) || !std::isfinite(number)) fail(name, "a positive finite number");
  if (value->is_number_integer() && number > 0x1p53) fail(name, "an integer of at most 2^53");
  return number;
}

std::optional<double> ConfigFields::positive_or_null(std::string_view name) {
  const json* value = find(name);
  if (!value || value->is_null()) return std::nullopt;
  return positive(name, 0);
}

bool ConfigFields::flag(std::string_view name, bool fallback) {
  const json* value = find(name);
  if (!value) return fallback;
  if (!value->is_boolean()) fail(name, "true or false");
  return value->get<bool>();
}

std::string ConfigFields::text(std::string_view name, std::optional<std::string> fallback) {
  const json* value = find(name);
  if (!value && fallback) return *fallback;
  if (!value || !value->is_string()) fail(name, "a string");
  return value->get<std::string>();
}

std::vector<std::string> ConfigFields::texts(std::string_view name) {
  const json* value = find(name);
  if (!value || !value->is_array()) fail(name, "an array of strings");
  std::vector<std::string> result;
  for (const json& element : *value) {
    if (!element.is_string()) fail(name, "an array of strings");
    result.push_back(element.get<std::string>());
  }
  return result;
}

void ConfigFields::expect(std::string_view name, std::initializer_list<json> allowed) {
  const json* value = find(name);
  if (!value) return;
  std::string expected;
  for (const json& one : allowed) {
    if (*value == one) return;
    expected += (expected.empty() ? "" : " or ") + one.dump();
  }
  fail(name, expected);
}

void ConfigFields::ignore(std::span<const std::string_view> names) { read_.insert(names.begin(), names.end()); }

void ConfigFields::refuse_unread() const {
  for (const auto& [name, value] : object_.items()) {
    if (!read_.contains(name)) {
      throw InputError(place_, fmt::format("field {} is not known for this architecture and may change what it computes, expected "
                                           "only known fields", in_quotes(prefix_ + name)));
    }
  }
}

}  // namespace snellen
