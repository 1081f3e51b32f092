#include "lib/files/tokenizer/utf8.hpp"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cstdint>

#include "lib/error.hpp"

namespace snellen {
namespace {

std::uint8_t byte(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }
bool continues(std::uint8_t b) { return (b & 0xc0u) == 0x80u; }

// Of the sequence that begins with `lead`; 0 for a byte that begins none.
std::size_t size_of(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

}  // namespace

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = size_of(byte(text, at));
    if (size == 0 || size > text.size() - at) return at;
    for (std::size_t i = 1; i < size; ++i) {
      if (!continues(byte(text, at + i))) return at;
    }
    const char32_t value = code_point_at(text, at).value;
    if ((size == 3 && value < 0x800) || (size == 4 && value < 0x10000) || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff) return at;
    at += size;
  }
  return std::nullopt;
}

void require_utf8(std::string_view text, const std::string& place) {
  if (const auto at = invalid_utf8_at(text)) {
    throw InputError(place, fmt::format("byte {}: found 0x{:02x}, which is not UTF-8 there, expected UTF-8 text", *at, byte(text, *at)));
  }
}

CodePoint code_point_at(std::string_view text, std::size_t at) {
  const std::uint8_t lead = byte(text, at);
  const std::size_t size = size_of(lead);
  if (size <= 1) return {lead, 1};
  char32_t value = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) value = (value << 6) | (byte(text, at + i) & 0x3fu);
  return {value, size};
}

CodePoint code_point_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && continues(byte(text, at))) --at;
  return code_point_at(text, at);
}

std::string utf8(char32_t value) {
  std::string text;
  const auto add = [&](char32_t b) { text += static_cast<char>(static_cast<std::uint8_t>(b)); };
  if (value < 0x80) {
    add(value);
  } else if (value < 0x800) {
    add(0xc0 | (value >> 6)), add(0x80 | (value & 0x3f));
  } else if (value < 0x10000) {
    add(0xe0 | (value >> 12)), add(0x80 | ((value >> 6) & 0x3f)), add(0x80 | (value & 0x3f));
  } else {
    add(0xf0 | (value >> 18)), add(0x80 | ((value >> 12) & 0x3f)), add(0x80 | ((value >> 6) & 0x3f)), add(0x80 | (value & 0x3f));
  }
  return text;
}

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++at) count += !continues(byte(text, at));
  return count;
}

std::string escaped(std::string_view bytes) {
  std::string text = "\"";
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min(size_of(byte(bytes, at)), bytes.size() - at);
    const std::string_view character = bytes.substr(at, std::max<std::size_t>(size, 1));
    at += character.size();
    if (size == 0 || invalid_utf8_at(character)) {
      for (const char c : character) text += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
      continue;
    }
    const char32_t value = code_point_at(character, 0).value;
    const auto hidden = U_GC_C_MASK | U_GC_Z_MASK;
    if (value == '\n') {
      text += "\\n";
    } else if (value == '\t') {
      text += "\\t";
    } else if (value == '"' || value == '\\') {
      text += '\\';
      text += character;
    } else if (value != ' ' && (U_GET_GC_MASK(static_cast<UChar32>(value)) & hidden)) {
      text += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(value));
    } else {
      text += character;
    }
  }
  return text + "\"";
}

bool is_white_space(char32_t value) { return u_isUWhiteSpace(static_cast<UChar32>(value)); }

bool is_word(char32_t value) {
  const auto c = static_cast<UChar32>(value);
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

bool is_number(char32_t value) { return (U_GET_GC_MASK(static_cast<UChar32>(value)) & U_GC_N_MASK) != 0; }

}  // namespace snellen
