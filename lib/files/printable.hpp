// Names from untrusted files, made fit for a one-line error message.
#pragma once

#include <string>
#include <string_view>

namespace snellen {

// `text` with control bytes as \xNN, cut after 200 bytes.
std::string printable(std::string_view text);
// The same between single quotes.
std::string in_quotes(std::string_view text);

}  // namespace snellen
