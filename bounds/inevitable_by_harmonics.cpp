#include "bounds/inevitable_by_harmonics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "bounds/harmonic_table.hpp"
#include "bounds/inevitable_by_far_pairs.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/next_token.hpp"
#include "bounds/work.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

constexpr std::int64_t most_tokens = 131'072, fewer_tokens = 16'384, least_start = 4096;
constexpr std::size_t most_far_lengths = 1000;        // that meet all tokens, of all rows together: two for each pair
constexpr std::size_t at_once = 64;                   // lengths that are examined together
constexpr std::int64_t most_undecided = 40;           // of a row; below, only the most promising pairs of a window are looked at
constexpr std::size_t promising = 24;
constexpr std::int64_t windows_of_length = 24;        // a window is of n to n + n / 24
constexpr std::int64_t longest = std::int64_t(1) << 40;
constexpr std::int64_t most_looked_up = std::int64_t(1) << 26;  // an end beyond stays a bracket's: lengths below it are looked up in a table one by one
constexpr unsigned turn_bits = 64, margin_bits = 42;  // the phase of n <= longest, in 2^-64 turns, errs by less than 2^42 of them
constexpr long bits = 128;

// The frequency in 2^-turn_bits turns, within 1 of them.
std::uint64_t turn_of(const RotaryFrequencies& frequencies) {
  constexpr long working = 192;
  Ball turns, pi;
  frequencies.set_unit(turns, 0, working);
  arb_const_pi(pi, working);
  arb_div(turns, turns, pi, working);
  arb_mul_2exp_si(turns, turns, turn_bits - 1);
  return static_cast<std::uint64_t>(arf_get_si(arb_midref(static_cast<arb_ptr>(turns)), ARF_RND_NEAR));
}

// Bounds of n kappa(n) on arcs, and of a length.
class ArcBounds {
 public:
  ArcBounds(std::vector<double> ends, std::uint64_t turn) : ends_(std::move(ends)), turn_(turn) {}
  double largest() const { return *std::max_element(ends_.begin(), ends_.end()); }
  double at(std::int64_t n) const {
    const std::uint64_t phase = static_cast<std::uint64_t>(n) * turn_;
    constexpr unsigned shift = turn_bits - HarmonicTable::level;
    const std::size_t arc = phase >> shift;
    double result = std::max(ends_[arc], ends_[(arc + 1) % ends_.size()]);
    const std::uint64_t inside = phase & ((std::uint64_t(1) << shift) - 1);
    if (inside >> margin_bits == 0) result = std::max(result, ends_[(arc + ends_.size() - 1) % ends_.size()]);
    if ((inside >> margin_bits) + 1 == std::uint64_t(1) << (shift - margin_bits)) result = std::max(result, ends_[(arc + 2) % ends_.size()]);
    return result;
  }

 private:
  std::vector<double> ends_;  // of arc c: c and c + 1
  std::uint64_t turn_;
};

// Evaluates far lengths, all questions together.
struct Lengths {
  FarRun& run;
  const RunHarmonics& harmonics;
  std::map<std::int64_t, std::pair<CertifiedVector, std::optional<Token>>> direct;  // up to least_start + 1

  void make_direct(Progress& progress) {
    if (!direct.empty()) return;
    for (std::int64_t begin = 1; begin <= least_start; begin += static_cast<std::int64_t>(at_once)) {
      std::vector<std::int64_t> lengths;
      for (std::int64_t n = begin; n <= least_start && n < begin + static_cast<std::int64_t>(at_once); ++n) lengths.push_back(n);
      RotaryLengths::Vectors found = run.at(lengths);
      for (std::size_t i = 0; i < lengths.size(); ++i) direct.emplace(lengths[i], std::pair(std::move(found.vectors[i]), found.next_tokens[i]));
      progress.step();
    }
  }
};

// One row: an upper end for all n, and the pairs below it from the largest n on.
class Search {
 public:
  Search(const InevitableTask& task, const InevitableQuestion& question, Lengths& lengths, const RotaryLengths::Frame& limit, std::uint64_t turn, Progress& progress)
      : task_(task), question_(question), lengths_(lengths), limit_(limit), turn_(turn), progress_(progress),
        steps_(question.criterion == Criterion::tolerance), most_far_(static_cast<std::int64_t>(most_far_lengths / 2 / task.questions.size())), limit_vector_(certified_column(lengths.run.balls(), limit.vector, 0)) {
    if (question.criterion == Criterion::argmax) limit_token_ = certified_next_tokens(task.model, lengths.run.balls(), limit.final)[0];
  }

  // With the table of the last start: from which n on all pairs collapse.
  void find_end(const HarmonicTable& table) {
    const auto closes = [&](std::int64_t n) {
      const auto gauge = gauge_at(table, n);
      if (!gauge) return false;
      const ArcBounds bounds(table.bound(*gauge, steps_, {n, std::nullopt}), turn_);
      progress_.step();
      return bounds.largest() <= static_cast<double>(n) && table.growth(*gauge, steps_, n) <= static_cast<double>(n);
    };
    std::int64_t open = table.start() - 1, closed = table.start();  // by quarters of an octave, then by a part in 64
    while (closed <= longest && !closes(closed)) open = closed, closed += std::max<std::int64_t>(closed / 4, 1);
    if (closed > longest) return;
    while (open >= table.start() && closed - open > closed / 64) {
      const std::int64_t middle = open + (closed - open) / 2;
      (closes(middle) ? closed : open) = middle;
    }
    end_ = closed, upper_ = closed, bound_ = closed, proved_ = true;
  }
  bool has_end() const { return bound_.has_value(); }
  bool beyond(std::int64_t n) const { return has_end() && *bound_ > n; }
  bool done() const { return !has_end() || lower_.has_value(); }
  // Nothing more is looked at.
  void leave() { lower_ = lower_.value_or(1); }

  // Pairs from table.start() on, below those that were looked at.
  void descend(const HarmonicTable& table) {
    while (!done() && end_ > table.start()) {
      const std::int64_t to = end_, from = std::max(table.start(), to - to / windows_of_length - 1);
      const auto gauge = gauge_at(table, from);
      if (!gauge) return leave();
      const ArcBounds bounds(table.bound(*gauge, steps_, {from, to}), turn_);
      std::vector<std::pair<double, std::int64_t>> waiting;
      double later = steps_ ? 0 : bounds.at(to);
      for (std::int64_t n = to - 1; n >= from; --n) {
        const double here = bounds.at(n), larger = std::max(here, later);
        if (larger > static_cast<double>(n)) waiting.emplace_back(larger / static_cast<double>(n), n);
        if (!steps_) later = here;
        if (!searching_only() && waiting.size() == at_once) examine(table, waiting);
        if (done()) return;
      }
      if (searching_only() && waiting.size() > promising) {
        std::partial_sort(waiting.begin(), waiting.begin() + promising, waiting.end(), [](const auto& a, const auto& b) { return b.first < a.first; });
        waiting.resize(promising);
        std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) { return b.second < a.second; });
      }
      examine(table, waiting);
      if (proved_) upper_ = from;
      end_ = from;
      progress_.step();
    }
  }

  // Pairs below least_start.
  void finish() {
    if (done()) return;
    lengths_.make_direct(progress_);
    for (std::int64_t n = std::min(end_, least_start) - 1; n >= 1 && !lower_; --n) {
      const auto &a = lengths_.direct.at(n), &b = lengths_.direct.at(n + 1);
      note(n, judge(question_, a.first, b.first, a.second, b.second, bits + 32));
    }
    leave();
  }

  InevitableRow row() const {
    InevitableRow row;
    row.answer = {std::to_string(lower_.value_or(1)), std::nullopt, Scope::all, Status::unknown};
    if (!has_end()) {
      row.open = "the supremum over all phases does not fall below what the criterion allows at any length that was tried";
      return row;
    }
    row.theorem = "inevitable_by_harmonics";
    row.answer.upper = std::to_string(upper_);
    row.answer.status = upper_ == *lower_ ? Status::exact : Status::bracket;
    row.undecided = undecided_;
    row.numbers["upper end of the supremum"] = std::to_string(*bound_);
    row.numbers["pairs examined one by one"] = std::to_string(examined_);
    row.numbers["of these, by all their tokens"] = std::to_string(far_);
    if (!row.decided() && beyond(most_looked_up)) row.open = "too many pairs lie below the upper end to be looked at one by one";
    else if (!row.decided())
      row.open = fmt::format("{} pairs between the ends stayed undecided: the run is followed token by token to {}, and further out the sums are not known well enough; the ends are a factor {:.4g} apart", undecided_,
                             lengths_.run.tokens(), static_cast<double>(upper_) / static_cast<double>(*lower_));
    return row;
  }

 private:
  bool searching_only() const { return undecided_ >= most_undecided; }

  std::optional<GaugeInDoubles> gauge_at(const HarmonicTable& table, std::int64_t from) const {
    const std::vector<double> largest = table.largest(from);
    if (!std::all_of(largest.begin(), largest.end(), [](double x) { return x <= 1; })) return std::nullopt;
    const auto outputs = largest.begin() + static_cast<std::ptrdiff_t>(lengths_.harmonics.shares());
    const RotaryLengths::Frame frame = lengths_.harmonics.frame({largest.begin(), outputs}, {outputs, largest.end()});
    const auto gauge = Gauge::of(question_, task_.model, lengths_.run.balls(), {limit_.vector, frame.slopes}, {limit_.final, frame.final_slopes});
    if (!gauge) return std::nullopt;
    return gauge->in_doubles();
  }

  Verdict verdict(const RotaryLengths::Vectors& found, std::size_t a) const {
    return judge(question_, found.vectors[a], found.vectors[a + 1], found.next_tokens[a], found.next_tokens[a + 1], bits + 32);
  }
  // What is compared exactly differs from the limit's: some pair from there on is distinct (distinct_between, as the limit's is taken on at last).
  bool differs(const RotaryLengths::Vectors& found, std::size_t a) const {
    return !steps_ && judge(question_, found.vectors[a], limit_vector_, found.next_tokens[a], limit_token_, bits + 32) == Verdict::distinct;
  }

  // Pairs by decreasing n.
  void examine(const HarmonicTable& table, std::vector<std::pair<double, std::int64_t>>& pairs) {
    if (pairs.empty()) return;
    std::vector<std::int64_t> needed;
    for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair)
      for (const std::int64_t n : {pair->second, pair->second + 1})
        if (needed.empty() || needed.back() < n) needed.push_back(n);
    BallMatrix outputs(lengths_.harmonics.outputs(), needed.size());
    for (std::size_t c = 0; c < needed.size(); ++c) lengths_.harmonics.set_outputs(outputs, c, table.quotients(), table.start(), needed[c]);
    const RotaryLengths::Vectors found = lengths_.run.given(needed, std::move(outputs));
    for (const auto& [urgency, n] : pairs) {
      const auto a = static_cast<std::size_t>(std::lower_bound(needed.begin(), needed.end(), n) - needed.begin());
      ++examined_;
      Verdict here = verdict(found, a);
      if (here == Verdict::undecided && n + 1 <= lengths_.run.tokens() && far_ < most_far_) {
        ++far_;
        here = verdict(lengths_.run.at({n, n + 1}), 0);
      }
      if (here != Verdict::distinct && differs(found, a + 1)) lower_ = n + 2;  // a pair beyond this one; only where some of those stayed undecided
      else note(n, here);
      if (!lower_ && differs(found, a)) lower_ = n + 1;
      if (lower_) break;
    }
    pairs.clear();
  }

  void note(std::int64_t n, Verdict verdict) {
    if (verdict == Verdict::distinct) {
      lower_ = n + 1;
      if (proved_) upper_ = n + 1;
    } else if (verdict == Verdict::collapsed) {
      if (proved_) upper_ = n;
    } else {
      if (proved_) upper_ = n + 1;
      proved_ = false, ++undecided_;
    }
  }

  const InevitableTask& task_;
  const InevitableQuestion& question_;
  Lengths& lengths_;
  const RotaryLengths::Frame& limit_;
  const std::uint64_t turn_;
  Progress& progress_;
  const bool steps_;
  const std::int64_t most_far_;  // pairs that meet all tokens: an equal share for each row
  const CertifiedVector limit_vector_;
  std::optional<Token> limit_token_;
  std::optional<std::int64_t> bound_, lower_;
  std::int64_t end_ = 0, upper_ = 0;  // pairs from end_ on were looked at; from upper_ on all collapse
  bool proved_ = false;
  std::int64_t undecided_ = 0, examined_ = 0, far_ = 0;
};

std::int64_t tokens_within(const InevitableTask& task) {
  const double budget = work_of_tokens(task.model, static_cast<double>(task.limits.max_tokens));
  std::int64_t tokens = most_tokens;
  while (tokens > 1 && work_of_far_tokens(task.model, static_cast<double>(tokens), static_cast<double>(most_far_lengths)) > budget) tokens /= 2;
  return tokens;
}

// `last`: else rows whose ends are beyond the tokens are left to a later attempt.
InevitableAnswer attempt(const InevitableTask& task, std::int64_t tokens, bool last, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  progress.begin(fmt::format("sums over the run under rotary positions, up to {} tokens", tokens), static_cast<std::size_t>(tokens / 4096 + 4));
  FarRun run(model, family, place, asks_next_tokens(questions), tokens, bits, progress);
  std::vector<std::int64_t> starts;
  for (std::int64_t start = least_start; start <= tokens; start *= 2) starts.push_back(start);
  const RunHarmonics harmonics(model, family, place, run, starts, progress);
  const std::uint64_t turn = turn_of(harmonics.frequencies());
  const RotaryLengths::Frame limit = harmonics.frame({}, {});
  Lengths lengths{run, harmonics, {}};
  std::vector<Search> rows;
  rows.reserve(questions.size());
  for (const InevitableQuestion& question : questions) rows.emplace_back(task, question, lengths, limit, turn, progress);
  for (std::size_t i = starts.size(); i-- > 0;) {
    if (i + 1 < starts.size() && std::all_of(rows.begin(), rows.end(), [](const Search& row) { return row.done(); })) break;
    progress.begin(fmt::format("lengths under rotary positions, from {} on", starts[i]), questions.size() * 30);
    const HarmonicTable table(harmonics.quotients(i), harmonics.frequencies(), starts[i]);
    for (Search& row : rows) {
      if (i + 1 == starts.size()) row.find_end(table);
      if (row.beyond(last ? most_looked_up : tokens)) row.leave();
      row.descend(table);
    }
  }
  InevitableAnswer answer;
  InevitableProof proof;
  proof.theorem = "inevitable_by_harmonics";
  proof.hypotheses = {
      "The model has two layers, with rotary positions of one base and size and without a window, a soft-cap or ALiBi; no positions are added to the embeddings; the run is of one token and has a prefix and no suffix.",
      "All frequencies are multiples of one, so that states are functions of n and of one phase.",
      "Only finite enclosures are used: where a mass is not bounded away from 0, or a norm's argument is not proved positive, the bound is infinite and proves nothing."};
  proof.numbers = {{"bits", std::to_string(bits)}, {"tokens of the run", std::to_string(tokens)}, {"tokens with modes of their own", std::to_string(RunHarmonics::explicit_tokens)},
                   {"arcs of the circle of phases", std::to_string(HarmonicTable::arcs)}};
  progress.begin("short lengths, one by one", static_cast<std::size_t>(least_start) / at_once);
  for (Search& search : rows) {
    search.finish();
    InevitableRow row = search.row();
    if (!row.theorem.empty()) row.numbers.insert(proof.numbers.begin(), proof.numbers.end());
    answer.rows.push_back(std::move(row));
  }
  answer.limit = certified_column(run.balls(), limit.vector, 0);
  if (asks_next_tokens(questions)) answer.limit_next_token = certified_next_tokens(model, run.balls(), limit.final)[0];
  answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace

std::optional<std::string> harmonics_refuse(const InevitableTask& task) {
  if (auto why = far_pairs_refuse(task)) return why;
  const Attention &first = task.model.layers[0].attention, &second = task.model.layers[1].attention;
  if (first.rotary->base != second.rotary->base || first.rotary->dimensions != second.rotary->dimensions) return "layers with different frequencies";
  const RotaryFrequencies frequencies(*first.rotary);
  if (frequencies.classes() != 1 || frequencies.planes() > RotaryModes::most_planes) return "frequencies that are not all multiples of one";
  if (tokens_within(task) < least_start) return "the budget allows too few tokens of the run";
  return std::nullopt;
}

InevitableAnswer by_harmonics(const InevitableTask& task, Progress& progress) {
  const std::int64_t most = tokens_within(task);
  InevitableAnswer answer = attempt(task, std::min(most, fewer_tokens), most <= fewer_tokens, progress);
  if (answer.decided() || most <= fewer_tokens) return answer;
  std::vector<std::size_t> open;  // rows that are asked again
  std::vector<InevitableQuestion> asked;
  for (std::size_t r = 0; r < task.questions.size(); ++r)
    if (!answer.rows[r].decided()) open.push_back(r), asked.push_back(task.questions[r]);
  InevitableAnswer found = attempt({task.model, task.family, task.place, asked, task.limits}, most, true, progress);
  std::vector<InevitableRow> rows = answer.rows;
  for (std::size_t k = 0; k < open.size(); ++k) rows[open[k]] = std::move(found.rows[k]);
  found.rows = std::move(rows);
  answer.sharpen(std::move(found));
  return answer;
}

}  // namespace snellen
