#include "bounds/inevitable_by_harmonics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bounds/harmonic_table.hpp"
#include "bounds/inevitable_again.hpp"
#include "bounds/inevitable_by_far_pairs.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/next_token.hpp"
#include "bounds/work.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

constexpr std::int64_t most_tokens = 1 << 20, fewest_tokens = 8192, least_start = 4096;
constexpr std::int64_t tokens_grow = 4;               // from attempt to attempt
constexpr double far_lengths = 20'000;                // as many as meet all tokens (or the first 2^17) may be examined, or more shorter ones, in all rows together
constexpr double most_met = 0x1p17;
constexpr double doubles_gain = 200;                   // how much faster these meet a token than balls do
constexpr std::size_t at_once = 64;                   // lengths that are examined together
constexpr std::int64_t most_undecided = 40;           // of a row; below, only the most promising pairs of a window are looked at
constexpr std::size_t promising = 24;
constexpr std::int64_t windows_of_length = 24;        // a window is of n to n + n / 24, nearly
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

// The last vectors of some lengths.
struct Known {
  CertifiedVector vector;
  std::optional<Token> next_token;
};
using KnownLengths = std::map<std::int64_t, Known>;

void add(KnownLengths& known, const std::vector<std::int64_t>& lengths, RotaryLengths::Vectors found) {
  for (std::size_t i = 0; i < lengths.size(); ++i) known.emplace(lengths[i], Known{std::move(found.vectors[i]), found.next_tokens[i]});
}

// Lengths that were evaluated by all their tokens, for all rows together.
class Lengths {
 public:
  Lengths(FarRun& run, const RunHarmonics& harmonics) : run(run), harmonics(harmonics) {}
  FarRun& run;
  const RunHarmonics& harmonics;

  const KnownLengths& known() const { return known_; }
  // Ascending. Returns the sum of the lengths that had to be evaluated.
  double know(const std::vector<std::int64_t>& lengths) {
    double visits = 0;
    std::vector<std::int64_t> needed;
    const auto evaluate = [&] {
      add(known_, needed, run.near(needed));
      needed.clear();
    };
    for (const std::int64_t n : lengths) {
      if (!known_.contains(n)) needed.push_back(n), visits += static_cast<double>(n);
      if (needed.size() == at_once) evaluate();
    }
    if (!needed.empty()) evaluate();
    return visits;
  }
  void forget() { known_.clear(); }

 private:
  KnownLengths known_;
};

// The last vector and its derivatives for variables up to these; none where those say nothing.
std::optional<RotaryLengths::Frame> frame_within(const RunHarmonics& harmonics, const std::vector<double>& largest) {
  if (!std::all_of(largest.begin(), largest.end(), [](double x) { return x <= 1; })) return std::nullopt;
  const auto outputs = largest.begin() + static_cast<std::ptrdiff_t>(harmonics.shares());
  return harmonics.frame({largest.begin(), outputs}, {outputs, largest.end()});
}

std::vector<double> largest_of(const RunHarmonics::Points& points) {
  std::vector<double> result(points.variables);
  for (std::int64_t n = points.from; n <= points.to; ++n)
    for (std::size_t k = 0; k < points.variables; ++k) result[k] = std::max(result[k], upward(std::fabs(points.middle(n)[k]) + points.radius(n)[k]));
  return result;
}

// One row: an upper end for all n, and the pairs below it from the largest n on.
class Search {
 public:
  Search(const InevitableTask& task, const InevitableQuestion& question, Lengths& lengths, const RotaryLengths::Frame& limit, std::uint64_t turn, Progress& progress)
      : task_(task), question_(question), lengths_(lengths), limit_(limit), turn_(turn), progress_(progress),
        steps_(question.criterion == Criterion::tolerance), most_visits_(far_lengths * std::min(most_met, static_cast<double>(lengths.run.tokens())) / static_cast<double>(task.questions.size())), limit_vector_(certified_column(lengths.run.balls(), limit.vector, 0)) {
    if (question.criterion == Criterion::argmax) limit_token_ = certified_next_tokens(task.model, lengths.run.balls(), limit.final)[0];
  }

  // From which n on all pairs collapse.
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

  // Pairs from table.start() on, from the upper end down: by arcs, then one by one.
  void descend(const HarmonicTable& table) {
    while (!done() && end_ > table.start()) {
      const std::int64_t to = end_, from = std::max(table.start(), to - to / windows_of_length - 1);
      const std::vector<double> largest = table.largest(from);
      const auto frame = frame_within(lengths_.harmonics, largest);
      const auto gauge = frame ? gauge_of(*frame) : std::nullopt;
      if (!gauge) return leave();
      const ArcBounds bounds(table.bound(*gauge, steps_, {from, to}), turn_);
      std::vector<Suspect> suspects;
      double later = steps_ ? 0 : bounds.at(to);
      for (std::int64_t n = to - 1; n >= from; --n) {
        const double here = bounds.at(n), larger = std::max(here, later);
        if (larger > static_cast<double>(n)) suspects.push_back({n, larger / static_cast<double>(n)});
        if (!steps_) later = here;
      }
      KnownLengths known;
      examine(suspects, [&](const std::vector<std::int64_t>& lengths) -> const KnownLengths& {
        BallMatrix outputs(lengths_.harmonics.outputs(), lengths.size());
        for (std::size_t c = 0; c < lengths.size(); ++c) lengths_.harmonics.set_outputs(outputs, c, table.quotients(), lengths[c]);
        keep_within(outputs, largest);
        known.clear();
        add(known, lengths, lengths_.run.given(lengths, std::move(outputs), *frame));
        return known;
      });
      looked_at(from);
      progress_.step();
    }
  }

  // The same between two marks, where each length is known by itself.
  void descend(const RunHarmonics::Points& points, const std::optional<RotaryLengths::Frame>& frame) {
    if (done() || end_ <= points.from) return;
    const auto gauge = frame ? gauge_of(*frame) : std::nullopt;
    std::vector<double> step(points.variables), radii(points.variables);
    const auto kappa = [&](std::int64_t n) {  // of n; of steps, of the pair n and n + 1
      if (!gauge) return infinite_bound;
      if (!steps_) return (*gauge)(points.middle(n), points.radius(n));
      for (std::size_t k = 0; k < points.variables; ++k) {
        step[k] = points.middle(n + 1)[k] - points.middle(n)[k];
        radii[k] = upward(points.radius(n + 1)[k] + points.radius(n)[k] + std::fabs(step[k]) * 0x1p-52);
      }
      return (*gauge)(step, radii);
    };
    std::vector<Suspect> suspects;
    const std::int64_t to = std::min(points.to, end_);
    double later = steps_ ? 0 : kappa(to);
    for (std::int64_t n = to - 1; n >= points.from; --n) {
      const double here = kappa(n), larger = std::max(here, later);
      if (!(larger <= 1)) suspects.push_back({n, larger});
      if (!steps_) later = here;
    }
    KnownLengths known;
    examine(suspects, [&](const std::vector<std::int64_t>& lengths) -> const KnownLengths& {
      if (!frame || !by_sums_) return know(lengths);
      BallMatrix outputs(lengths_.harmonics.outputs(), lengths.size());
      for (std::size_t c = 0; c < lengths.size(); ++c) lengths_.harmonics.set_outputs(outputs, c, points, lengths[c]);
      known.clear();
      add(known, lengths, lengths_.run.given(lengths, std::move(outputs), *frame));
      std::vector<std::int64_t> undecided;
      std::size_t pairs = 0;
      for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
        if (lengths[i + 1] != lengths[i] + 1) continue;
        ++pairs;
        if (verdict(known.at(lengths[i]), known.at(lengths[i + 1])) != Verdict::undecided) continue;
        if (undecided.empty() || undecided.back() < lengths[i]) undecided.push_back(lengths[i]);
        undecided.push_back(lengths[i + 1]);
      }
      by_sums_ = 2 * undecided.size() < pairs;  // else not worth the time for shorter ones either
      const KnownLengths& sharp = know(undecided);
      for (const std::int64_t n : undecided)
        if (const auto found = sharp.find(n); found != sharp.end()) known.insert_or_assign(n, found->second);
      return known;
    });
    looked_at(points.from);
  }

  // Pairs below least_start, all of them.
  void finish() {
    if (done()) return;
    std::vector<std::int64_t> all;
    for (std::int64_t n = 1; n <= least_start; ++n) all.push_back(n);
    lengths_.know(all);
    for (std::int64_t n = std::min(end_, least_start) - 1; n >= 1 && !lower_; --n) settle(n, lengths_.known());
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
    if (!row.decided() && beyond(most_looked_up)) row.open = "too many pairs lie below the upper end to be looked at one by one";
    else if (!row.decided())
      row.open = fmt::format("{} pairs between the ends stayed undecided: the run is followed token by token to {}, and further out the sums are not known well enough; the ends are a factor {:.4g} apart", undecided_,
                             lengths_.run.tokens(), static_cast<double>(upper_) / static_cast<double>(*lower_));
    return row;
  }

 private:
  struct Suspect {
    std::int64_t n;
    double urgency;
  };

  std::optional<GaugeInDoubles> gauge_of(const RotaryLengths::Frame& frame) const {
    const auto gauge = Gauge::of(question_, task_.model, lengths_.run.balls(), {limit_.vector, frame.slopes}, {limit_.final, frame.final_slopes});
    if (!gauge) return std::nullopt;
    return gauge->in_doubles();
  }
  std::optional<GaugeInDoubles> gauge_at(const HarmonicTable& table, std::int64_t from) const {
    const auto frame = frame_within(lengths_.harmonics, table.largest(from));
    return frame ? gauge_of(*frame) : std::nullopt;
  }

  // Outputs whose middle is not in the box are not known.
  void keep_within(BallMatrix& outputs, const std::vector<double>& largest) const {
    Ball t;
    for (std::size_t i = 0; i < outputs.rows(); ++i)
      for (std::size_t c = 0; c < outputs.columns(); ++c) {
        arb_sub(t, outputs(i, c), lengths_.harmonics.limit_output(i), bits);
        mag_zero(arb_radref(static_cast<arb_ptr>(t)));
        if (!(upper_double(Magnitude::of(t)) <= largest[lengths_.harmonics.shares() + i])) arb_indeterminate(outputs(i, c));
      }
  }

  // Pairs by decreasing n, as far as they are needed; `fetch` knows lengths.
  template <class Fetch>
  void examine(std::vector<Suspect>& suspects, Fetch fetch) {
    for (std::size_t begin = 0; begin < suspects.size() && !done();) {
      if (undecided_ >= most_undecided && suspects.size() - begin > promising) {  // only the most promising of what is left
        const auto rest = suspects.begin() + static_cast<std::ptrdiff_t>(begin);
        std::partial_sort(rest, rest + promising, suspects.end(), [](const Suspect& a, const Suspect& b) { return b.urgency < a.urgency; });
        suspects.resize(begin + promising);
        std::sort(suspects.begin() + static_cast<std::ptrdiff_t>(begin), suspects.end(), [](const Suspect& a, const Suspect& b) { return b.n < a.n; });
      }
      const std::size_t end = std::min(suspects.size(), begin + at_once);
      std::vector<std::int64_t> needed;
      for (std::size_t i = end; i-- > begin;)
        for (const std::int64_t n : {suspects[i].n, suspects[i].n + 1})
          if (needed.empty() || needed.back() < n) needed.push_back(n);
      const KnownLengths& known = fetch(needed);
      for (; begin < end && !lower_; ++begin) settle(suspects[begin].n, known);
    }
  }

  // By all their tokens, unless that was too much work.
  const KnownLengths& know(const std::vector<std::int64_t>& lengths) {
    if (visits_ < most_visits_) visits_ += lengths_.know(lengths);
    return lengths_.known();
  }
  Verdict verdict(const Known& a, const Known& b) const { return judge(question_, a.vector, b.vector, a.next_token, b.next_token, bits + 32); }

  void settle(std::int64_t n, const KnownLengths& known) {
    ++examined_;
    const auto a = known.find(n), b = known.find(n + 1);
    if (a == known.end() || b == known.end()) return note(n, Verdict::undecided);
    const Verdict here = verdict(a->second, b->second);
    if (here != Verdict::distinct && differs(b->second)) lower_ = n + 2;  // a pair beyond this one; only where some of those stayed undecided
    else note(n, here);
    if (!lower_ && differs(a->second)) lower_ = n + 1;
  }
  // What is compared exactly differs from the limit's: some pair from there on is distinct (distinct_between, as the limit's is taken on at last).
  bool differs(const Known& here) const {
    return !steps_ && judge(question_, here.vector, limit_vector_, here.next_token, limit_token_, bits + 32) == Verdict::distinct;
  }

  // All pairs from `from` on were.
  void looked_at(std::int64_t from) {
    if (lower_) return;
    if (proved_) upper_ = from;
    end_ = from;
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
  const double most_visits_;  // of tokens: an equal share for each row
  const CertifiedVector limit_vector_;
  std::optional<Token> limit_token_;
  std::optional<std::int64_t> bound_, lower_;
  std::int64_t end_ = 0, upper_ = 0;  // pairs from end_ on were looked at; from upper_ on all collapse
  bool proved_ = false, by_sums_ = true;
  std::int64_t undecided_ = 0, examined_ = 0;
  double visits_ = 0;
};

std::int64_t tokens_within(const InevitableTask& task) {
  const double budget = work_of_tokens(task.model, static_cast<double>(task.limits.max_tokens));
  std::int64_t tokens = most_tokens;
  while (tokens > 1 && work_of_far_tokens(task.model, static_cast<double>(tokens), far_lengths * std::min(1.0, most_met / static_cast<double>(tokens)) / doubles_gain) > budget) tokens /= 2;
  return tokens;
}

// Ascending, from least_start to `tokens`.
std::vector<std::int64_t> marks_to(std::int64_t tokens) {
  std::vector<std::int64_t> marks{least_start};
  while (marks.back() < tokens) marks.push_back(std::min(tokens, marks.back() + marks.back() / windows_of_length));
  return marks;
}

// `last`: else rows whose ends are beyond the tokens are left to a later attempt.
InevitableAnswer attempt(const InevitableTask& task, std::int64_t tokens, bool last, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  progress.begin(fmt::format("sums over the run under rotary positions, up to {} tokens", tokens), static_cast<std::size_t>(tokens / 4096 + 4));
  FarRun run(model, family, place, asks_next_tokens(questions), tokens, bits, FarRun::Keep::doubles, progress);
  const RunHarmonics harmonics(model, family, place, run, marks_to(tokens), progress);
  const std::uint64_t turn = turn_of(harmonics.frequencies());
  const RotaryLengths::Frame limit = harmonics.frame({}, {});
  Lengths lengths(run, harmonics);
  std::vector<Search> rows;
  rows.reserve(questions.size());
  for (const InevitableQuestion& question : questions) rows.emplace_back(task, question, lengths, limit, turn, progress);
  progress.begin(fmt::format("lengths under rotary positions, from {} on", tokens), questions.size() * 30);
  const HarmonicTable table(harmonics.quotients(), harmonics.frequencies(), tokens);
  for (Search& row : rows) {
    row.find_end(table);
    if (row.beyond(last ? most_looked_up : tokens)) row.leave();
    row.descend(table);
  }
  progress.begin(fmt::format("lengths under rotary positions, up to {}", tokens), harmonics.marks().size());
  for (std::size_t mark = harmonics.marks().size(); --mark > 0;) {
    if (std::all_of(rows.begin(), rows.end(), [](const Search& row) { return row.done(); })) break;
    const RunHarmonics::Points points = harmonics.points(mark);
    const auto frame = frame_within(harmonics, largest_of(points));
    for (Search& row : rows) row.descend(points, frame);
    lengths.forget();
    progress.step();
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
  std::int64_t tokens = std::min(most, fewest_tokens);
  InevitableAnswer answer = attempt(task, tokens, tokens == most, progress);
  while (!answer.decided() && tokens < most) {
    tokens = std::min(most, tokens * tokens_grow);
    ask_open_rows(task, answer, [&](const InevitableTask& again) { return attempt(again, tokens, tokens == most, progress); });
  }
  return answer;
}

}  // namespace snellen
