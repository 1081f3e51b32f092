#include "tests/bench/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace snellen {
namespace {

using Run = benchmark::BenchmarkReporter::Run;
using Row = std::vector<std::string>;

enum class Shown { number, percent, wall };  // wall: a ratio by the clock on the wall, worth nothing on a busy machine
constexpr double idle = 0.9;                // the least share of a core that one thread must have had

struct Entry {
  std::string counter, heading;
  Shown shown = Shown::number;
};

struct Table {
  std::string family, title, kinds;  // kinds: the heading above what distinguishes its benchmarks
  std::vector<Entry> entries;
};

const std::vector<Entry> shares = {{"linear", "linear", Shown::percent}, {"attention", "attention", Shown::percent},
                                   {"norms", "norms", Shown::percent}, {"other", "other", Shown::percent}};

std::vector<Entry> joined(std::vector<Entry> first, const std::vector<Entry>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

const std::vector<Table>& all_tables() {
  static const std::vector<Table> result = {
      {"product",
       "W X, 576 x 576, balls in to balls out, one thread",
       "weights",
       {{"ns_per_mac", "ns a multiply-add"},
        {"flint", "arb_mat_mul / ours"},
        {"mpfr", "mpfr_float (no radii) / ours"},
        {"mpfi", "MPFI / ours"},
        {"dgemms", "ours / dgemm"},
        {"products", "exact dgemms needed"},
        {"over_floor", "ours / floor"}}},
      {"against_flint",
       "W X by path and shape, one thread; by digits: 4 AVX-512 IFMA, 3 AVX-512 without it, 2 AVX2, 1 SSE2, 0 plain C++; by residues, plain C++ with vectors of 2, 4 and 8 doubles: 5, 6, 7; by bytes: 9 AVX-512 VNNI, 10 AMX",
       "weights",
       {{"ratio", "arb_mat_mul / ours"}, {"ns_per_mac", "ns a multiply-add"}, {"conversion", "of it conversion", Shown::percent}}},
      {"cost",
       "The certified forward pass of random models",
       "growing",
       joined({{"seconds", "CPU s, one thread"},
               {"slope", "slope"},
               {"two_threads", "speed-up, two threads", Shown::wall},
               {"core", "core", Shown::percent},
               {"bf16-acc32", "ours / bf16-acc32 emulated"},
               {"fp32", "ours / fp32 emulated"}},
              shares)},
      {"smollm2",
       "The certified forward pass of SmolLM2-135M",
       "",
       joined({{"precision", "bits"},
               {"lost", "bits lost a layer"},
               {"seconds", "CPU s, one thread"},
               {"two_threads", "speed-up, two threads", Shown::wall},
               {"core", "core", Shown::percent},
               {"float64_1", "ours / PyTorch float64, one thread"},
               {"float64_2", "the same, two threads", Shown::wall},
               {"bfloat16_1", "ours / PyTorch bfloat16, one thread"},
               {"bfloat16_2", "the same, two threads", Shown::wall},
               {"bf16-acc32", "ours / bf16-acc32 emulated"}},
              shares)},
  };
  return result;
}

// Three significant digits, and no exponent for what people count in.
std::string text(const Run& run, const Entry& entry) {
  const double value = counter(run, entry.counter);
  if (std::isnan(value)) return "";
  if (entry.shown == Shown::wall && counter(run, "core") < idle) return "busy";
  if (entry.shown == Shown::percent) return fmt::format("{:.0f} %", 100 * value);
  const double size = std::abs(value);
  if (size == std::floor(size) && size < 1e6) return fmt::format("{:.0f}", value);
  return size >= 100 ? fmt::format("{:.0f}", value) : size >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.3g}", value);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "tokens:64/width:32" -> {tokens, 64}, {width, 32}.
std::vector<std::pair<std::string, std::string>> arguments(const Run& run) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const std::string& part : split(run.run_name.args, '/')) {
    const std::size_t colon = std::min(part.find(':'), part.size());
    result.emplace_back(part.substr(0, colon), colon < part.size() ? part.substr(colon + 1) : "");
  }
  return result;
}

std::string markdown(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string result;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < rows[r].size(); ++i) result += fmt::format("| {:>{}} ", rows[r][i], widths[i]);
    result += "|\n";
    if (r > 0) continue;
    for (const std::size_t width : widths) result += fmt::format("| {:->{}}: ", "", width - 1);
    result += "|\n";
  }
  return result;
}

std::string text(const Table& table, const Runs& runs) {
  std::vector<const Run*> measured;
  std::vector<std::string> notes;
  for (const Run& run : runs) {
    if (family(run) != table.family) continue;
    const std::string problem = failure(run);
    if (problem.empty()) measured.push_back(&run);
    const std::string note = problem.empty() ? run.report_label : run.run_name.str() + ": " + problem;
    if (!note.empty() && std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
  if (measured.empty() && notes.empty()) return "";

  std::string result = fmt::format("\n## {}\n\n", table.title);
  if (!measured.empty()) {
    // Counters that no run has are no columns.
    std::vector<Entry> entries;
    for (const Entry& entry : table.entries)
      if (std::any_of(measured.begin(), measured.end(), [&](const Run* run) { return run->counters.count(entry.counter) > 0; }))
        entries.push_back(entry);
    std::vector<Row> rows(1);
    if (!table.kinds.empty()) rows[0].push_back(table.kinds);
    for (const auto& [name, value] : arguments(*measured[0])) rows[0].push_back(name);
    for (const Entry& entry : entries) rows[0].push_back(entry.heading);
    for (const Run* run : measured) {
      Row& row = rows.emplace_back();
      if (!table.kinds.empty()) row.push_back(kind(*run));
      for (const auto& [name, value] : arguments(*run)) row.push_back(value);
      for (const Entry& entry : entries) row.push_back(text(*run, entry));
    }
    result += markdown(rows);
  }
  for (const std::string& note : notes) result += fmt::format("\n{}\n", note);
  return result;
}

}  // namespace

double counter(const Run& run, const std::string& name) {
  const auto found = run.counters.find(name);
  return found == run.counters.end() ? NAN : found->second.value;
}

std::string family(const Run& run) { return split(run.run_name.function_name, '/').at(0); }

std::string kind(const Run& run) {
  const std::vector<std::string> parts = split(run.run_name.function_name, '/');
  return parts.size() > 1 ? parts[1] : "";
}

std::string tables(const Runs& runs) {
  std::string result;
  for (const Table& table : all_tables()) result += text(table, runs);
  return result;
}

}  // namespace snellen
