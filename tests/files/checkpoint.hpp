// Writers of small checkpoints for tests: plain, and able to write what a reader must refuse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/error.hpp"

namespace checkpoint {

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "snellen-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // A new file each time: some file systems write a truncated one through to the disk when it is closed.
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::filesystem::remove(path_ / name);
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// The message of the InputError that `action` must throw; another outcome is reported in its place.
inline std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const snellen::InputError& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("NOT AN INPUT ERROR: ") + error.what();
  }
  return "NOT REFUSED";
}

template <class Number>
std::string raw(Number value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);  // the tests run on little-endian machines
  return bytes;
}

struct Tensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // slowest dimension first
  std::vector<float> values;

  std::string data() const {
    std::string bytes;
    for (const float value : values) bytes += raw(value);
    return bytes;
  }
};

// Values that tell entries and tensors apart: multiples of 2^-10 within [-1/2, 1/2).
inline Tensor tensor(const std::string& name, const std::vector<std::uint64_t>& shape) {
  std::uint64_t count = 1, hash = 1469598103934665603u;
  for (const std::uint64_t dimension : shape) count *= dimension;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  Tensor result{name, shape, {}};
  for (std::uint64_t i = 0; i < count; ++i) {
    hash = hash * 6364136223846793005u + 1442695040888963407u;
    result.values.push_back(static_cast<float>(static_cast<int>(hash >> 54) - 512) / 1024);
  }
  return result;
}

inline std::string safetensors(const nlohmann::json& header, const std::string& data) {
  const std::string text = header.dump();
  return raw(static_cast<std::uint64_t>(text.size())) + text + data;
}

inline std::string safetensors(const std::vector<Tensor>& tensors) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const Tensor& tensor : tensors) {
    const std::size_t begin = data.size();
    data += tensor.data();
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors(header, data);
}

namespace gguf {

inline std::string text(const std::string& value) { return raw(static_cast<std::uint64_t>(value.size())) + value; }
inline std::string u32(std::uint32_t value) { return raw(std::uint32_t{4}) + raw(value); }
inline std::string f32(float value) { return raw(std::uint32_t{6}) + raw(value); }
inline std::string boolean(bool value) { return raw(std::uint32_t{7}) + raw(static_cast<std::uint8_t>(value)); }
inline std::string string(const std::string& value) { return raw(std::uint32_t{8}) + text(value); }

using Metadata = std::vector<std::pair<std::string, std::string>>;  // key, type and value as above

struct Info {
  std::string name;
  std::vector<std::uint64_t> shape;  // slowest dimension first
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};

inline std::string start(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
  return "GGUF" + raw(version) + raw(tensors) + raw(keys);
}

inline std::string file(const Metadata& metadata, const std::vector<Info>& infos, const std::string& data,
                        std::size_t alignment = 32, std::uint32_t version = 3) {
  std::string bytes = start(infos.size(), metadata.size(), version);
  for (const auto& [key, value] : metadata) bytes += text(key) + value;
  for (const Info& info : infos) {
    bytes += text(info.name) + raw(static_cast<std::uint32_t>(info.shape.size()));
    for (auto dimension = info.shape.rbegin(); dimension != info.shape.rend(); ++dimension) bytes += raw(*dimension);
    bytes += raw(info.type) + raw(info.offset);
  }
  if (!infos.empty()) bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes + data;
}

inline std::string file(const Metadata& metadata, const std::vector<Tensor>& tensors) {
  std::vector<Info> infos;
  std::string data;
  for (const Tensor& tensor : tensors) {
    data.resize((data.size() + 31) / 32 * 32);
    infos.push_back({tensor.name, tensor.shape, 0, data.size()});
    data += tensor.data();
  }
  return file(metadata, infos, data);
}

}  // namespace gguf
}  // namespace checkpoint
