// GPT-2's alphabet: each byte is written as one visible character, so that a vocabulary of byte strings can be stored as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace snellen {

// Bytes that are visible in Latin-1 stand for themselves, the others, in order, for U+0100, U+0101, ...
const std::string& letter_of(std::uint8_t byte);
std::string in_byte_alphabet(std::string_view bytes);
// The way back; nothing where a character is not one of the 256. `text` is valid UTF-8.
std::optional<std::string> from_byte_alphabet(std::string_view text);

}  // namespace snellen
