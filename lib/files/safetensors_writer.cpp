#include "lib/files/safetensors_writer.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <numeric>
#include <stdexcept>

#include "lib/files/append_little_endian.hpp"

namespace snellen {

std::string safetensors_content(const std::vector<NamedArray>& arrays) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::size_t offset = 0;
  for (const NamedArray& array : arrays) {
    const std::size_t size = std::accumulate(array.shape.begin(), array.shape.end(), std::size_t{1}, std::multiplies<>());
    if (size != array.values.size()) throw std::invalid_argument("safetensors_content: the shape of " + array.name + " is not that of its values");
    if (header.contains(array.name)) throw std::invalid_argument("safetensors_content: two tensors named " + array.name);
    header[array.name] = {{"dtype", "F64"}, {"shape", array.shape}, {"data_offsets", {offset, offset + 8 * size}}};
    offset += 8 * size;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');

  std::vector<std::byte> length;
  append_little_endian(length, text.size());
  std::string content(reinterpret_cast<const char*>(length.data()), length.size());
  content.reserve(length.size() + text.size() + offset);
  content += text;
  for (const NamedArray& array : arrays) {
    const std::vector<std::byte> bytes = little_endian(array.values);
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return content;
}

}  // namespace snellen
