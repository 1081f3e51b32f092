// The files runs/*.jsonl of a sweep's folder, read: a line may be cut where its process was killed, and the folder may come from anybody.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace snellen {

// runs/* that are regular files, by name; of each the lines that are JSON objects.
std::vector<std::vector<nlohmann::ordered_json>> run_files(const std::filesystem::path& folder);

// What the object says under this key, where it is a number that is not negative, or a text; otherwise 0, or nothing.
double measure_of(const nlohmann::ordered_json& line, const char* key);
std::string text_of(const nlohmann::ordered_json& line, const char* key);

}  // namespace snellen
