#include "reports/text_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "reports/words.hpp"

namespace snellen {
namespace {

constexpr std::size_t kColumns = 100;

std::string cut(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

// Words wrapped at the right edge, further lines indented; a word longer than a line is cut.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    word = cut(word, kColumns - indent);
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) result += line + '\n', line = std::string(indent, ' ');
    if (!line.empty() && line.back() != ' ') line += ' ';
    line += word;
  }
  return result + line + '\n';
}

std::string or_dash(const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : "-"; }

// Left-aligned columns, two spaces apart, each as wide as its widest cell; the lines cut at the right edge.
std::string table(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths(lines[0].size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string result;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) text += fmt::format("{:<{}}", line[i], widths[i] + 2);
    text.erase(text.find_last_not_of(' ') + 1);
    result += cut(text, kColumns) + '\n';
  }
  return result;
}

}  // namespace

std::string text_report(const Certification& c) {
  std::string result = wrapped(c.title, 0) +
                       wrapped(fmt::format("{}{}; {}; n = {} to {}", c.model_architecture, c.layers == 0 ? "" : fmt::format(", {}, width {}", layers_text(c), c.width),
                                           c.family, c.from, c.to),
                               2) +
                       '\n';
  for (const std::string& sentence : sentences(c)) result += wrapped(sentence, 2);
  if (const auto undecided = undecided_count(c))
    result += wrapped(fmt::format("UNDECIDED: {} verdicts at {} bits.", undecided, c.precision_bits), 2);
  for (const std::string& warning : c.warnings) result += wrapped("Warning: " + warning, 2);
  if (!c.rows.empty()) {
    std::vector<std::vector<std::string>> lines = {
        {"format", "criterion", "first", "last distinct", "collapsed from", "known", "reach"}};
    for (const CollapseRow* row : rows_by_format(c)) {
      std::string known(name_of(row->inevitable.status));
      if (row->undecided > 0) known += fmt::format(", {} undecided", row->undecided);
      if (row->overflow > 0) known += fmt::format(", {} overflow", row->overflow);
      lines.push_back({cut(format_label(*row), 18), cut(criterion_label(*row), 16), or_dash(row->first),
                       cut(last_distinct(*row).value_or("-"), 22), cut(collapse_start(*row, c.to), 24), known,
                       row->inevitable.scope == Scope::all ? "every n" : fmt::format("horizon {}", c.to)});
    }
    result += '\n' + table(lines);
  }
  if (!c.runs.empty()) {
    std::vector<std::vector<std::string>> lines = {{"engine (observed)", "identical from", "trouble"}};
    const bool for_ever = std::any_of(c.runs.begin(), c.runs.end(), [](const EngineRun& run) { return run.constant.has_value(); });
    if (for_ever) lines[0].push_back("for every n from");
    for (const EngineRun& run : c.runs) {
      lines.push_back({cut(run.profile, 30), or_dash(identical_from(run)), run.trouble ? trouble_text(*run.trouble) : "none"});
      if (for_ever) lines.back().push_back(for_ever_text(run.constant));
    }
    result += '\n' + table(lines);
  }
  // A terminal would obey control characters in a title.
  for (char& character : result)
    if ((static_cast<unsigned char>(character) < 0x20 && character != '\n') || character == 0x7f) character = '?';
  return result;
}

}  // namespace snellen
