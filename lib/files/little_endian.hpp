// Numbers as files store them: little-endian, at any alignment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace snellen {

template <class Unsigned>
inline Unsigned load_little_endian(const std::byte* bytes) {
  Unsigned value;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, bytes, sizeof value);
  } else {
    value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
      value |= static_cast<Unsigned>(static_cast<Unsigned>(std::to_integer<std::uint8_t>(bytes[i])) << (8 * i));
    }
  }
  return value;
}

}  // namespace snellen
