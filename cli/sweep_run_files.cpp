#include "cli/sweep_run_files.hpp"

#include <algorithm>
#include <fstream>

#include "lib/error.hpp"
#include "lib/files/json.hpp"

namespace snellen {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::vector<std::vector<Json>> run_files(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "runs", error))
    if (entry.is_regular_file(error)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::vector<Json>> files;
  for (const fs::path& path : paths) {
    std::vector<Json> lines;
    std::ifstream file(path, std::ios::binary);
    for (std::string line; std::getline(file, line);) {
      try {
        if (!parse_json(line, "").is_object()) continue;  // which refuses what is nested deeply, too
      } catch (const InputError&) {
        continue;
      }
      lines.push_back(Json::parse(line));
    }
    files.push_back(std::move(lines));
  }
  return files;
}

double measure_of(const Json& line, const char* key) {
  const auto found = line.find(key);
  const double value = found != line.end() && found->is_number() ? found->get<double>() : 0;
  return value > 0 ? value : 0;
}

std::string text_of(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace snellen
