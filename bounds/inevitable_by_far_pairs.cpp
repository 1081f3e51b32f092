#include "bounds/inevitable_by_far_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bounds/far_run.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/work.hpp"

namespace snellen {
namespace {

constexpr std::int64_t most_tokens = 32'768, first_octave = 64;
constexpr std::int64_t groups = 24, neighbours = 9;  // lengths in an octave: groups of neighbours, which the fastest plane turns once
constexpr int rounds = 3;                            // of groups beyond the last pair that was found
constexpr std::int64_t whole_lengths = 500;          // next to the last pair of a tolerance all lengths are looked at, for as much work as so many lengths that meet all tokens
constexpr std::int64_t at_once = 256;                // of these
constexpr std::size_t lengths_expected = 2000;       // meeting all tokens, in octaves and rounds and among all, for the budget
constexpr long bits = 128;

struct Found {
  CertifiedVector vector;
  std::optional<Token> next_token;
};

class Search {
 public:
  Search(const InevitableTask& task, FarRun& run, Progress& progress) : task_(task), run_(run), progress_(progress) {}

  std::vector<InevitableRow> answer() {
    for (std::int64_t from = std::min(first_octave, run_.tokens()); from < run_.tokens(); from *= 2) look_between(from, std::min(2 * from, run_.tokens()));
    std::vector<InevitableRow> rows;
    for (const InevitableQuestion& question : task_.questions) {
      std::int64_t last = last_distinct(question);
      for (int round = 0; round < rounds && last > 0 && last < run_.tokens(); ++round) {
        look_between(last, std::min(last + last / 2, run_.tokens()));
        const std::int64_t later = last_distinct(question);
        if (later == last) break;
        last = later;
      }
      if (question.criterion == Criterion::tolerance) {
        look_at_all_after(std::max<std::int64_t>(last, 1));
        last = last_distinct(question);
      }
      InevitableRow row;
      row.answer = {std::to_string(last + 1), std::nullopt, Scope::all, Status::unknown};
      row.open = fmt::format("distinct pairs were looked for among some lengths up to {}; the largest one found is a lower end, and larger ones may exist", run_.tokens());
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  // Evaluates groups of neighbours, spread over [from, to].
  void look_between(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> lengths;
    const std::int64_t stride = std::max<std::int64_t>(1, (to - from) / groups);
    for (std::int64_t n = from; n <= to; n += stride)
      for (std::int64_t i = n; i < n + neighbours && i <= to; ++i)
        if (!found_.contains(i) && (lengths.empty() || lengths.back() < i)) lengths.push_back(i);
    evaluate(lengths);
  }

  // All lengths beyond `last`, as far as they are within the work set aside for them.
  void look_at_all_after(std::int64_t last) {
    std::vector<std::int64_t> lengths;
    std::int64_t work = whole_lengths * run_.tokens();
    for (std::int64_t n = last; n <= run_.tokens() && work > 0; work -= n, ++n) {
      if (!found_.contains(n)) lengths.push_back(n);
      if (lengths.size() == static_cast<std::size_t>(at_once)) evaluate(lengths), lengths.clear();
    }
    evaluate(lengths);
  }

  void evaluate(const std::vector<std::int64_t>& lengths) {
    if (lengths.empty()) return;
    RotaryLengths::Vectors vectors = run_.at(lengths);
    for (std::size_t i = 0; i < lengths.size(); ++i) found_.emplace(lengths[i], Found{std::move(vectors.vectors[i]), vectors.next_tokens[i]});
    progress_.step();
  }

  bool distinct(const InevitableQuestion& question, std::int64_t a, std::int64_t b) const {
    const Found &x = found_.at(a), &y = found_.at(b);
    return judge(question, x.vector, y.vector, x.next_token, y.next_token, bits + 32) == Verdict::distinct;
  }

  // The largest n found at which the pair is proved distinct, 0 where none is.
  std::int64_t last_distinct(const InevitableQuestion& question) {
    std::int64_t last = 0;
    for (auto n = found_.begin(); n != found_.end(); ++n)
      if (found_.contains(n->first + 1) && distinct(question, n->first, n->first + 1)) last = n->first;
    return question.criterion == Criterion::tolerance || found_.empty() ? last : std::max(last, last_change(question));
  }

  // Vectors that differ in what is compared exactly have a distinct pair between them: the last one that differs from the largest length's, and halving from there.
  std::int64_t last_change(const InevitableQuestion& question) {
    std::int64_t high = found_.rbegin()->first, low = 0;
    const std::int64_t end = high;
    for (const auto& [n, found] : found_) {
      if (n == end) break;
      if (distinct(question, n, end)) low = n, high = end;
      else if (low > 0 && high == end) high = n;
    }
    if (low == 0) return 0;
    if (!distinct(question, low, high)) high = end;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      if (!found_.contains(middle)) evaluate({middle});
      if (distinct(question, middle, high)) low = middle;
      else if (distinct(question, low, middle)) high = middle;
      else return 0;
    }
    return low;
  }

  const InevitableTask& task_;
  FarRun& run_;
  Progress& progress_;
  std::map<std::int64_t, Found> found_;
};

std::int64_t tokens_within(const InevitableTask& task) {
  const double budget = work_of_tokens(task.model, static_cast<double>(task.limits.max_tokens));
  std::int64_t tokens = most_tokens;
  while (tokens > 1 && work_of_far_tokens(task.model, static_cast<double>(tokens), static_cast<double>(lengths_expected)) > budget) tokens /= 2;
  return tokens;
}

}  // namespace

std::optional<std::string> far_pairs_refuse(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (model.layers.size() != 2) return "not two layers";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (!a.rotary || a.rotary->dimensions == 0) return "a layer without rotary positions";
    if (a.window || a.softcap || !a.alibi.empty()) return "a window, soft-capped scores or ALiBi";
  }
  if (family.delimiter || family.pair != Pair::next) return "delimiters, or pairs other than (S_n, S_n+1)";
  if (family.prefix.empty() || family.unit.size() != 1 || !family.suffix.empty()) return "no prefix, a suffix or a unit of several tokens";
  return std::nullopt;
}

InevitableAnswer by_far_pairs(const InevitableTask& task, Progress& progress) {
  const std::int64_t tokens = tokens_within(task);
  progress.begin(fmt::format("single far lengths under rotary positions, up to {}", tokens), static_cast<std::size_t>(tokens / 4096 + 200));
  FarRun run(task.model, task.family, task.place, asks_next_tokens(task.questions), tokens, bits, FarRun::Keep::balls, progress);
  InevitableAnswer answer;
  answer.rows = Search(task, run, progress).answer();
  return answer;
}

}  // namespace snellen
