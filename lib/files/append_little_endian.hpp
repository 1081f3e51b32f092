// Numbers as files store them: little-endian on every platform. (Reading: lib/files/little_endian.hpp.)
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace snellen {

inline void append_little_endian(std::vector<std::byte>& bytes, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

// The bits of each double.
inline std::vector<std::byte> little_endian(std::span<const double> values) {
  std::vector<std::byte> bytes;
  bytes.reserve(8 * values.size());
  for (const double value : values) append_little_endian(bytes, std::bit_cast<std::uint64_t>(value));
  return bytes;
}

}  // namespace snellen
