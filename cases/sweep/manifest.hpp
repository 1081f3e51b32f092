// What a folder says of the sweep in it: sweep.json, schema snellen.sweep/1. Untrusted input, checked: a folder may come from anybody, its points' names become paths, and
// their places indices.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cases/sweep/sweep.hpp"

namespace snellen {

nlohmann::ordered_json manifest_of(const Sweep& sweep);

// The manifest in this text, in which: title, name, sha256 and the layout's x, y, criterion and norm are texts; each of the axes has a label, names, as many numbers (or null) and seeds (true
// or false); the points are as many as the axes' product, at most max_sweep_points; each is [NAME, AT], NAME 32 hexadecimal digits (so no path), AT an index below its number of names for
// each axis. InputError(place, ...) for any other text.
nlohmann::json parse_manifest(std::string_view text, const std::string& place);

}  // namespace snellen
