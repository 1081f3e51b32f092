#include "lib/files/tokenizer/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

constexpr std::size_t longest_expression = 10'000;
constexpr int deepest_group = 50;
constexpr unsigned long most_repeats = 1000;
// Steps of one match: a constant and a few for each byte of the text. PCRE2 counts a step for each point it may come back to.
constexpr std::uint32_t steps = 1'000'000, steps_per_byte = 16;
constexpr std::uint32_t memory = 1u << 20;  // KiB of one match

// White_Space without brackets. PCRE2's own \s has U+180E besides, which Unicode took out in version 6.3.
constexpr std::string_view white_space = R"(\t-\r \x{85}\p{Z})";

constexpr std::array<std::string_view, 37> categories = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl",
                                                         "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk",
                                                         "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cs", "Co", "Cn"};

class Translator {
 public:
  Translator(std::string_view in, const std::string& place) : in_(in), place_(place) {}

  std::string run() {
    while (!done()) step();
    if (depth_ != 0) fail(in_.size(), "a group without its end");
    return std::move(out_);
  }

 private:
  bool done() const { return at_ == in_.size(); }
  bool follows(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  char peek() const { return done() ? '\0' : in_[at_]; }

  [[noreturn]] void fail(std::size_t at, const std::string& what) const {
    throw InputError(place_, fmt::format("regular expression {}: byte {}: {} is not understood", in_quotes(in_), at, what));
  }
  // Whatever begins at `at`, for a message.
  std::string found(std::size_t at) const { return in_quotes(in_.substr(at, 4)); }

  void step() {
    const std::size_t at = at_;
    const char c = in_[at_];
    switch (c) {
      case '\\': escape(false); return;
      case '[': char_class(); return;
      case '(': group(); return;
      case ')':
        if (depth_-- == 0) fail(at, "')' without a group");
        [[fallthrough]];
      case '|':
        out_ += c;
        ++at_;
        return;
      case '.':
        out_ += "[^\\n]";
        ++at_;
        return;
      case '*':
      case '+':
      case '?':
        out_ += c;
        ++at_;
        if (peek() == '?' || peek() == '+') out_ += in_[at_++];  // lazy, possessive
        return;
      case '{': interval(); return;
      case '^':
      case '$': fail(at, found(at));
      default: literal(); return;
    }
  }

  void literal() {
    const auto [value, size] = code_point_at(in_, at_);
    if (value < 0x80 && std::ispunct(static_cast<int>(value))) out_ += '\\';
    out_ += in_.substr(at_, size);
    at_ += size;
  }

  void group() {
    const std::size_t at = at_;
    if (++depth_ > deepest_group) fail(at, fmt::format("a group more than {} deep", deepest_group));
    for (const std::string_view opening : {"(?:", "(?i:", "(?>", "(?=", "(?!", "(?<=", "(?<!"}) {
      if (follows(opening)) {
        out_ += opening;
        at_ += opening.size();
        return;
      }
    }
    ++at_;
    if (peek() == '?' || peek() == '*') fail(at, found(at));
    out_ += "(?:";
  }

  // {2}, {2,}, {2,3}; Ruby gives {,3} and {2}? meanings of their own.
  void interval() {
    const std::size_t at = at_++;
    std::string text = "{";
    const auto number = [&](bool needed) {
      std::string digits;
      while (std::isdigit(static_cast<unsigned char>(peek()))) digits += in_[at_++];
      if ((needed && digits.empty()) || digits.size() > 4 || (!digits.empty() && std::stoul(digits) > most_repeats)) fail(at, found(at));
      text += digits;
    };
    number(true);
    if (peek() == ',') {
      text += in_[at_++];
      number(false);
    }
    if (peek() != '}') fail(at, found(at));
    ++at_;
    if (peek() == '?' || peek() == '+') fail(at, "a repeat of a repeat");
    out_ += text + "}";
  }

  // \xH.. in braces, and \uHHHH.
  void code_point(std::size_t at, std::string_view digits) {
    unsigned long value = 0;
    for (const char c : digits) {
      if (!std::isxdigit(static_cast<unsigned char>(c))) fail(at, found(at));
      value = value * 16 + static_cast<unsigned long>(std::isdigit(static_cast<unsigned char>(c)) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (digits.empty() || digits.size() > 6 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) fail(at, found(at));
    out_ += fmt::format("\\x{{{:x}}}", value);
  }

  // Up to and without `end`.
  std::string_view until(char end, std::size_t at) {
    const std::size_t close = in_.find(end, at_);
    if (close == std::string_view::npos) fail(at, found(at));
    const std::string_view text = in_.substr(at_, close - at_);
    at_ = close + 1;
    return text;
  }

  void escape(bool in_class) {
    const std::size_t at = at_++;
    if (done()) fail(at, "'\\' at the end");
    const char c = in_[at_++];
    switch (c) {
      case 'r':
      case 'n':
      case 't':
      case 'f': out_ += std::string("\\") + c; return;
      case 'v': out_ += "\\x0b"; return;
      case 's': out_ += in_class ? std::string(white_space) : fmt::format("[{}]", white_space); return;
      case 'S':
        if (in_class) fail(at, "\\S in a class");
        out_ += fmt::format("[^{}]", white_space);
        return;
      case 'd': out_ += "\\p{Nd}"; return;
      case 'D': out_ += "\\P{Nd}"; return;
      case 'p':
      case 'P': {
        if (peek() != '{') fail(at, found(at));
        ++at_;
        const std::string_view name = until('}', at);
        if (std::find(categories.begin(), categories.end(), name) == categories.end()) {
          fail(at, fmt::format("the property {}, which is no general category,", in_quotes(name)));
        }
        out_ += fmt::format("\\{}{{{}}}", c, name);
        return;
      }
      case 'u':
        if (in_.size() - at_ < 4) fail(at, found(at));
        at_ += 4;
        code_point(at, in_.substr(at_ - 4, 4));
        return;
      case 'x':
        if (peek() != '{') fail(at, found(at));
        ++at_;
        code_point(at, until('}', at));
        return;
      default:
        if (!std::ispunct(static_cast<unsigned char>(c))) fail(at, found(at));
        out_ += std::string("\\") + c;
    }
  }

  void char_class() {
    const std::size_t at = at_++;
    out_ += '[';
    if (peek() == '^') out_ += in_[at_++];
    if (peek() == ']') fail(at, "a class that begins with ']'");
    while (peek() != ']') {
      if (done()) fail(at, "a class without its end");
      if (peek() == '[' || follows("&&")) fail(at_, found(at_));
      if (peek() == '\\') {
        escape(true);
      } else if (peek() == '-') {
        out_ += in_[at_++];
      } else {
        literal();
      }
    }
    ++at_;
    out_ += ']';
  }

  std::string_view in_;
  const std::string& place_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string out_;
};

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

template <auto free>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, Free<pcre2_code_free>> code;
  std::string expression, place;
};

std::string to_pcre2(std::string_view expression, const std::string& place) {
  if (expression.size() > longest_expression) {
    throw InputError(place, fmt::format("found a regular expression of {} bytes, expected at most {}", expression.size(), longest_expression));
  }
  return Translator(expression, place).run();
}

Pattern Pattern::literal(std::string text) {
  Pattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

Pattern Pattern::regex(std::string_view expression, const std::string& place) {
  const std::string translated = to_pcre2(expression, place);
  int error = 0;
  PCRE2_SIZE at = 0;
  const std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  auto compiled = std::make_shared<Compiled>();
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), PCRE2_UTF | PCRE2_UCP, &error, &at,
                                     context.get()));
  compiled->expression = expression;
  compiled->place = place;
  if (!compiled->code) throw InputError(place, fmt::format("regular expression {}: {}", in_quotes(expression), message_of(error)));
  std::uint32_t can_be_empty = 0;
  pcre2_pattern_info(compiled->code.get(), PCRE2_INFO_MATCHEMPTY, &can_be_empty);
  if (can_be_empty) throw InputError(place, fmt::format("regular expression {}: can match the empty string, expected one that cannot", in_quotes(expression)));
  Pattern pattern;
  pattern.regex_ = std::move(compiled);
  return pattern;
}

std::vector<Span> Pattern::spans(std::string_view text) const {
  std::vector<Span> spans;
  std::size_t covered = 0;
  const auto add = [&](std::size_t begin, std::size_t end) {
    if (covered != begin) spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = end;
  };
  if (!regex_) {
    for (std::size_t at; (at = text.find(literal_, covered)) != std::string_view::npos;) add(at, at + literal_.size());
  } else {
    const auto fail = [&](int error) {
      throw InputError(regex_->place, fmt::format("regular expression {}: byte {} of a text of {}: {}", in_quotes(regex_->expression), covered, text.size(),
                                                  message_of(error)));
    };
    const std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>> match(pcre2_match_data_create_from_pattern(regex_->code.get(), nullptr));
    const std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>> context(pcre2_match_context_create(nullptr));
    if (!match || !context) throw std::bad_alloc();
    const std::uint64_t limit = steps + std::uint64_t{steps_per_byte} * text.size();
    pcre2_set_match_limit(context.get(), static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, UINT32_MAX)));
    pcre2_set_heap_limit(context.get(), memory);
    while (covered < text.size()) {
      const int result = pcre2_match(regex_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), covered, PCRE2_NO_UTF_CHECK, match.get(),
                                     context.get());
      if (result == PCRE2_ERROR_NOMATCH) break;
      if (result < 0) fail(result);
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
      add(range[0], range[1]);
    }
  }
  if (covered != text.size()) spans.push_back({covered, text.size(), false});
  return spans;
}

}  // namespace snellen
