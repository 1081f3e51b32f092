#include "lib/files/tokenizer/byte_alphabet.hpp"

#include <array>

#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

struct Alphabet {
  std::array<std::string, 256> letters;
  std::array<int, 512> bytes;  // by code point; -1: none

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (char32_t b = 0; b < 256; ++b) {
      const bool visible = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad);
      const char32_t letter = visible ? b : next++;
      letters[b] = utf8(letter);
      bytes[letter] = static_cast<int>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet the;
  return the;
}

}  // namespace

const std::string& letter_of(std::uint8_t byte) { return alphabet().letters[byte]; }

std::string in_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char b : bytes) text += letter_of(static_cast<std::uint8_t>(b));
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, size] = code_point_at(text, at);
    if (value >= alphabet().bytes.size() || alphabet().bytes[value] < 0) return std::nullopt;
    bytes += static_cast<char>(alphabet().bytes[value]);
    at += size;
  }
  return bytes;
}

}  // namespace snellen
