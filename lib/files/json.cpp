#include "lib/files/json.hpp"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {

nlohmann::json parse_json(std::string_view text, const std::string& place, int maximum_depth) {
  using nlohmann::json;
  constexpr std::size_t maximum_size = 100'000'000;
  if (text.size() > maximum_size) {
    throw InputError(place, fmt::format("{} bytes of JSON, expected at most {}", text.size(), maximum_size));
  }
  // The parser takes a NUL for the end: what follows it, be it the rest of a header, would be left out without a word.
  if (const std::size_t nul = text.find('\0'); nul != text.npos) throw InputError(place, fmt::format("is not valid JSON: a NUL at byte {}", nul));
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > maximum_depth) throw InputError(place, fmt::format("JSON nested more than {} deep", maximum_depth));
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw InputError(place, fmt::format("key {} occurs twice in one object", in_quotes(parsed.get<std::string>())));
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    throw InputError(place, "is not valid JSON: " + printable(error.what()));
  }
}

}  // namespace snellen
