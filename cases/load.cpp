#include <cstdlib>

#include "cases/case.hpp"
#include "lib/error.hpp"
#include "lib/files/load_model.hpp"
#include "lib/files/printable.hpp"

namespace snellen {

namespace fs = std::filesystem;

fs::path find_model(const Case& c) {
  const fs::path& path = std::get<fs::path>(c.model);
  const char* home = std::getenv("SNELLEN_HOME");
  std::vector<fs::path> places = {path};
  if (path.is_relative()) {
    places.push_back(c.file.parent_path() / path);
    if (home && *home) places.push_back(fs::path(home) / path);
  }
  std::error_code error;
  for (const fs::path& place : places) {
    if (fs::exists(place, error)) return place;
  }
  const std::string also = path.is_absolute() ? "" : " in the current directory, the case's folder or the project's root";
  throw MissingModel(c.place("model.path"), "found no " + printable(path.string()) + also + ", expected a Hugging Face folder, a .safetensors or a .gguf file");
}

Model load_model(const Case& c) {
  if (c.softmax) throw InputError(c.place("softmax"), "found a case of softmaxes alone, expected one with a model");
  const auto* path = std::get_if<fs::path>(&c.model);
  Model model = path ? load_model(find_model(c)) : synthetic_model(std::get<RandomModel>(c.model));
  if (c.quantize) model = quantized(std::move(model), *c.quantize, c.place("model.quantize"));
  if (const auto problem = problem_of(c.request.family, model)) throw InputError(c.place("family." + problem->key), problem->description);
  return model;
}

}  // namespace snellen
