#include "reports/html_parts.hpp"

#include <fmt/format.h>

#include <cctype>

namespace snellen {
namespace {

std::string superscript(std::string_view digits) {
  return "<sup>" + (digits[0] == '-' ? "&minus;" + std::string(digits.substr(1)) : std::string(digits)) + "</sup>";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The length of "-?[0-9]+" at `at`, 0 if there is none.
std::size_t integer_length(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (end < text.size() && text[end] == '-') ++end;
  const std::size_t digits = end;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end == digits ? 0 : end - at;
}

// Of what stands at `at` in the shape 1.54e+27440 (of at most nine digits after e+): the length of what is before the e; 0 where it has another shape.
std::size_t mantissa_length(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
  if (end + 2 >= text.size() || text.substr(end, 2) != "e+" || !is_digit(text[end + 2])) return 0;
  const std::size_t exponent = integer_length(text, end + 2);
  return exponent > 9 || (end + 2 + exponent < text.size() && std::isalnum(static_cast<unsigned char>(text[end + 2 + exponent]))) ? 0 : end - at;
}

// Long lengths in groups of three, which do not part at the end of a line.
std::string grouped(const std::string& digits) {
  if (digits.size() < 5) return digits;
  std::string result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += "&#8239;";
    result += digits[i];
  }
  return result;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += (static_cast<unsigned char>(c) < 0x20 && !std::isspace(static_cast<unsigned char>(c))) || c == 0x7f ? ' ' : c;
    }
  }
  return result;
}

std::string typeset(std::string_view plain) {
  const std::string text = html_escaped(plain);
  std::string result;
  const auto starts = [&](std::size_t at, std::string_view what) { return text.compare(at, what.size(), what) == 0; };
  const auto word_before = [&](std::size_t at) {
    return at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '_');
  };
  // A number of its own, and no part of a decimal, a name or a hexadecimal number.
  const auto is_part = [&](std::size_t at) { return std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_'; };
  const auto joined_before = [&](std::size_t at) { return at > 0 && (is_part(at - 1) || text[at - 1] == '.' || text[at - 1] == '#'); };
  const auto joined_after = [&](std::size_t at) {
    return at < text.size() && (is_part(at) || (text[at] == '.' && at + 1 < text.size() && is_part(at + 1)));
  };
  for (std::size_t at = 0; at < text.size();) {
    if (starts(at, "S_{n+1}") && !word_before(at)) {
      result += "S<sub>n+1</sub>", at += 7;
    } else if (starts(at, "S_n") && !word_before(at)) {
      result += "S<sub>n</sub>", at += 3;
    } else if (starts(at, "2^{1-t}")) {
      result += "2<sup>1&minus;t</sup>", at += 7;
    } else if (starts(at, "&lt;=")) {
      result += "&le;", at += 5;
    } else if (starts(at, "&gt;=")) {
      result += "&ge;", at += 5;
    } else if (starts(at, "Linf") && !word_before(at)) {
      result += "L<sub>&infin;</sub>", at += 4;
    } else if ((starts(at, "L1") || starts(at, "L2")) && !word_before(at) &&
               (at + 2 >= text.size() || !std::isalnum(static_cast<unsigned char>(text[at + 2])))) {
      result += fmt::format("L<sub>{}</sub>", text[at + 1]), at += 2;
    } else if (text[at] == '^' && at > 0 && is_digit(text[at - 1]) && integer_length(text, at + 1) > 0) {
      const std::size_t length = integer_length(text, at + 1);
      result += superscript(std::string_view(text).substr(at + 1, length)), at += 1 + length;
    } else if (const std::size_t mantissa = is_digit(text[at]) && !joined_before(at) ? mantissa_length(text, at) : 0) {
      const std::size_t length = integer_length(text, at + mantissa + 2);
      const std::string exponent = std::to_string(std::stol(text.substr(at + mantissa + 2, length)));
      result += fmt::format("{}&thinsp;&times;&thinsp;10{}", text.substr(at, mantissa), superscript(exponent)), at += mantissa + 2 + length;
    } else if (is_digit(text[at]) && !joined_before(at)) {
      const std::string digits = text.substr(at, integer_length(text, at));
      at += digits.size();
      result += joined_after(at) ? digits : grouped(digits);
    } else {
      result += text[at++];
    }
  }
  return result;
}

namespace html {

std::string scientific(const std::string& rough) {
  const std::size_t e = rough.find('e');
  if (e == std::string::npos) return html_escaped(rough);
  return rough.substr(0, e) + "&thinsp;&times;&thinsp;10" + superscript(std::to_string(std::stol(rough.substr(e + 1))));
}

std::string list(const std::vector<std::string>& items) {
  std::string result = "<ul>\n";
  for (const std::string& item : items) result += "<li>" + typeset(item) + "</li>\n";
  return result + "</ul>\n";
}

std::string figure(const Picture& picture, const std::string& label, const std::string& caption) {
  const std::string body =
      picture.problem.empty()
          ? fmt::format("<div class=\"card\" role=\"img\" aria-label=\"{}\">{}</div>", html_escaped(label), picture.svg)
          : fmt::format("<div class=\"card missing\">No picture: {}.</div>", html_escaped(picture.problem));
  return fmt::format("<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n", body, caption);
}

std::string chip(std::string_view kind, const std::string& text) {
  return fmt::format("<span class=\"chip {}\">{}</span>", kind, html_escaped(text));
}

std::string column(const std::string& name, std::string_view kind) {
  return fmt::format("<th scope=\"col\"{}>{}</th>", kind.empty() ? "" : fmt::format(" class=\"{}\"", kind), name);
}

std::string table(const std::string& columns, const std::string& body, const std::string& line_above) {
  return fmt::format("<div class=\"wide\"><table>\n<thead>{}<tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n", line_above,
                     columns, body);
}

std::string section(std::string_view title, const std::string& body) {
  return fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

std::string page(const std::string& title, std::string_view style, const std::string& body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
      html_escaped(title), style, body);
}

}  // namespace html

}  // namespace snellen
