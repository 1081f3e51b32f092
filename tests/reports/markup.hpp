// Looks at HTML and SVG as a strict reader would: every tag closed in the right order, attributes quoted, no stray < or &.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace snellen {

struct Markup {
  std::string problem;  // empty: well-formed
  std::multiset<std::string> elements;
  std::vector<std::pair<std::string, std::string>> attributes;
};

inline Markup read_markup(std::string_view text) {
  Markup result;
  std::vector<std::string> open;
  const std::set<std::string> never_closed = {"meta", "br"};
  const auto fail = [&](const std::string& what, std::size_t at) {
    result.problem = what + " at byte " + std::to_string(at) + ": " + std::string(text.substr(at, 60));
    return result;
  };
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == ':' || c == '_'; };
  std::size_t at = 0;
  const auto skip_space = [&] {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
  };
  while (at < text.size()) {
    if (text[at] == '&') {
      const std::size_t end = text.find(';', at);
      if (end == std::string_view::npos || end - at > 9 || end == at + 1) return fail("stray &", at);
      at = end + 1;
      continue;
    }
    if (text[at] != '<') {
      ++at;
      continue;
    }
    const std::size_t start = at++;
    if (text.substr(start, 15) == "<!DOCTYPE html>") {
      at = start + 15;
      continue;
    }
    const bool closing = at < text.size() && text[at] == '/';
    if (closing) ++at;
    std::string name;
    while (at < text.size() && is_name(text[at])) name += text[at++];
    if (name.empty()) return fail("stray <", start);
    bool empty = false;
    while (at < text.size() && text[at] != '>') {
      if (std::isspace(static_cast<unsigned char>(text[at]))) {
        ++at;
      } else if (text[at] == '/') {
        empty = true, ++at;
      } else {
        std::string key, value;
        while (at < text.size() && is_name(text[at])) key += text[at++];
        skip_space();
        const bool equals = at < text.size() && text[at] == '=';
        if (equals) ++at;
        skip_space();
        if (key.empty() || !equals || at >= text.size() || (text[at] != '"' && text[at] != '\''))
          return fail("bad attribute", start);
        const char quote = text[at++];
        while (at < text.size() && text[at] != quote) value += text[at++];
        if (value.find('<') != std::string::npos) return fail("< in an attribute", start);
        ++at;
        result.attributes.emplace_back(key, value);
      }
    }
    if (at >= text.size()) return fail("tag without end", start);
    ++at;
    if (closing) {
      if (open.empty() || open.back() != name) return fail("closes what is not open", start);
      open.pop_back();
      continue;
    }
    result.elements.insert(name);
    if (name == "style") {  // raw text
      const std::size_t end = text.find("</style>", at);
      if (end == std::string_view::npos) return fail("style without end", start);
      at = end;
    }
    if (!empty && !never_closed.contains(name)) open.push_back(name);
  }
  if (!open.empty()) result.problem = "never closed: " + open.back();
  return result;
}

}  // namespace snellen
