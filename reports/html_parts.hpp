// What HTML reports are made of. Every text from outside is escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/gnuplot.hpp"

namespace snellen {

// & < > " ' as character references; control characters HTML does not allow become spaces.
std::string html_escaped(std::string_view text);
// Escaped, then set in type: S_n and S_{n+1} with indices, 2^-7 with an exponent, <= as one sign, L1 and Linf with an index.
std::string typeset(std::string_view text);
namespace html {

// "1.05e-7" as 1.05 x 10^-7.
std::string scientific(const std::string& rough);

// Of sentences, typeset.
std::string list(const std::vector<std::string>& items);
// The caption is HTML.
std::string figure(const Picture& picture, const std::string& label, const std::string& caption);
std::string chip(std::string_view kind, const std::string& text);
// A column's head; `name` is HTML.
std::string column(const std::string& name, std::string_view kind = "");
std::string table(const std::string& columns, const std::string& body, const std::string& line_above = "");
std::string section(std::string_view title, const std::string& body);

// A whole page: one file, nothing fetched, no scripts. `body` is HTML.
std::string page(const std::string& title, std::string_view style, const std::string& body);

}  // namespace html

}  // namespace snellen
