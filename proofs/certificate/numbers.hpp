// The numbers of a certificate, read exactly or not at all.
#pragma once

#include <optional>
#include <string>

#include "lib/number/dyadic.hpp"
#include "lib/number/length.hpp"

namespace snellen {

// Exactly what a hex float says ("0x1.8p-3", "-inf"); nothing where the text is none, or NaN.
std::optional<Dyadic> parse_exact(const std::string& text);

// A length n >= 0 of any size: decimal digits, no sign, no leading zero.
std::optional<Length> parse_length(const std::string& text);

}  // namespace snellen
