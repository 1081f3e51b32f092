// UTF-8 from outside: checked once, then walked without checks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace snellen {

// The byte at which `text` stops being UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF), if it does.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);

// Throws InputError(place, ...) with that byte's offset and value.
void require_utf8(std::string_view text, const std::string& place);

struct CodePoint {
  char32_t value;
  std::size_t size;  // in bytes
};
// The code point that begins at byte `at` of valid UTF-8; at < text.size().
CodePoint code_point_at(std::string_view text, std::size_t at);
// The one that ends before byte `end`; end > 0.
CodePoint code_point_before(std::string_view text, std::size_t end);

std::string utf8(char32_t value);
std::size_t code_points(std::string_view text);

// Bytes for people, between double quotes: a newline is \n, a tab \t, a quote \", a backslash \\; other control, format, private, unassigned characters and
// spaces but ' ' are \u{HEX}; bytes that are not UTF-8 are \xHH.
std::string escaped(std::string_view bytes);

// Unicode properties, by ICU: White_Space; a word character (Alphabetic, Mark, Decimal_Number, Connector_Punctuation,
// Join_Control: UTS 18, annex C); a number (Nd, Nl, No).
bool is_white_space(char32_t value);
bool is_word(char32_t value);
bool is_number(char32_t value);

}  // namespace snellen
