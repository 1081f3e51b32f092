// The GGUF container, versions 2 and 3, little-endian: metadata, tensor directory, data. Everything a file claims is checked
// before it is believed; errors carry the byte where they begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/files/mapped_file.hpp"
#include "lib/files/stored_tensor.hpp"

namespace snellen {

enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view name_of(GgufType type);

// Left as it lies in the file: a vocabulary is long, and most readers do not want it.
struct GgufArray {
  GgufType element = GgufType::u8;
  std::uint64_t count = 0;
  std::span<const std::byte> bytes;  // `count` elements, already checked to be well formed

  std::vector<std::string_view> strings() const;  // of an array of strings; they point into the mapped file
};

struct GgufValue {
  GgufType type = GgufType::u8;
  std::uint64_t at = 0;  // byte in the file
  // Integers widened by sign, f32 widened exactly, arrays as above.
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray> value;
};

struct Gguf {
  std::shared_ptr<const MappedFile> file;
  std::uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  StoredTensors tensors;  // shape [rows, columns]: GGUF's first dimension, the fastest, is the columns
};

// Throws InputError with the byte offset.
Gguf read_gguf(const std::shared_ptr<const MappedFile>& file);

}  // namespace snellen
