#include "lib/files/load_model.hpp"

#include "lib/error.hpp"
#include "lib/files/gguf_model.hpp"
#include "lib/files/huggingface.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"

namespace snellen {

Model load_model(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw InputError(printable(path.string()), "does not exist or cannot be reached, expected a model folder or file");
  }
  if (std::filesystem::is_directory(status) || path.extension() == ".safetensors") return load_huggingface(path);
  if (path.extension() == ".gguf" || MappedFile::open(path)->text().starts_with("GGUF")) return load_gguf(path);
  throw InputError(printable(path.string()), "is no model, expected a folder, a .safetensors or a .gguf file");
}

}  // namespace snellen
