// JSON from untrusted files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace snellen {

// Parses strictly: throws InputError(place, ...) on a syntax error, a key that occurs twice in one object (the readers of
// this world disagree on which one counts), nesting deeper than `maximum_depth`, or a text longer than 100 MB.
nlohmann::json parse_json(std::string_view text, const std::string& place, int maximum_depth = 32);

}  // namespace snellen
