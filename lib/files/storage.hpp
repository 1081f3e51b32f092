// How a file stores numbers: plain types and GGUF's block types, each with its size and, where a weight may be stored so,
// its exact decoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace snellen {

struct Storage {
  std::string_view name;
  std::size_t values = 1, bytes = 0;  // of one block; a plain type is a block of one value
  // Decodes blocks.size() / bytes blocks, exactly. Null: the type has a size but cannot be a weight.
  void (*decode)(std::span<const std::byte> blocks, double* decoded) = nullptr;
  // The index of the first value that is NaN or infinite (for a block type: of the first value of a block with such a scale).
  std::optional<std::size_t> (*first_non_finite)(std::span<const std::byte> blocks) = nullptr;
};

// The storage named by a safetensors dtype ("BF16") or a GGUF tensor type number; null when unknown.
const Storage* safetensors_storage(std::string_view dtype);
const Storage* gguf_storage(std::uint32_t type);

}  // namespace snellen
