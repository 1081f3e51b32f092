#include "bounds/inevitable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/era.hpp"
#include "bounds/next_token.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

// A row is searched for its last pair that is not proved to collapse by halving ranges of n; past this many undecided n the search for a distinct one ends.
constexpr std::int64_t most_undecided = 200;
constexpr std::size_t most_ranges = 200'000;

// Judges the pairs of one row.
class Judge {
 public:
  Judge(const Model& model, const InevitableQuestion& question, const RunEvaluation& run)
      : model_(model), question_(question), run_(run), world_(run.balls()) {}

  // All n >= tail.first.
  bool collapses(const TailVector& tail) const {
    if (question_.criterion == Criterion::argmax) return token(tail.final).has_value();
    const CertifiedVector all = certified_column(world_, tail.vector, 0);
    if (question_.criterion == Criterion::tolerance) return within(distance(*question_.metric, all, all, world_.bits()));
    return one_value(all);
  }

  // All n with from <= n < to, both in the era.
  bool collapses(const EraVector& era, const Length& from, const Length& to) const {
    switch (question_.criterion) {
      case Criterion::bitwise: return one_value(certified_column(world_, era.over(era.vector, from, to), 0));
      case Criterion::tolerance: return within(norm(era.steps_over(from, to)));
      default: return token(era.over(era.final, from, to)).has_value();
    }
  }

  // The pair (n, n + 1), both in the era.
  Verdict at(const EraVector& era, const Length& n) const {
    if (question_.criterion == Criterion::tolerance) return tolerance(norm(era.step_at(n)), *question_.eps);
    const BallMatrix& models = question_.criterion == Criterion::bitwise ? era.vector : era.final;
    return of_two(era.over(models, n, n), era.over(models, n + 1, n + 1));
  }

  // The pair of the last length of one part and the first of the next.
  Verdict between(const EraVector& era, const EraVector& next) const {
    const bool final = question_.criterion == Criterion::argmax;
    return of_two(era.over(final ? era.final : era.vector, era.era.last, era.era.last),
                  next.over(final ? next.final : next.vector, next.era.first, next.era.first));
  }
  Verdict between(const EraVector& era, const TailVector& tail) const {
    const bool final = question_.criterion == Criterion::argmax;
    return of_two(era.over(final ? era.final : era.vector, era.era.last, era.era.last), final ? tail.final : tail.vector);
  }
  Verdict between_explicit_and(const EraVector& era) const {
    const bool final = question_.criterion == Criterion::argmax;
    return of_two(explicit_column(run_.explicit_tokens()), era.over(final ? era.final : era.vector, era.era.first, era.era.first));
  }
  Verdict between_explicit_and(const TailVector& tail) const {
    return of_two(explicit_column(run_.explicit_tokens()), question_.criterion == Criterion::argmax ? tail.final : tail.vector);
  }
  // The pair (n, n + 1), both explicit.
  Verdict at_explicit(std::int64_t n) const { return of_two(explicit_column(n), explicit_column(n + 1)); }

 private:
  BallMatrix explicit_column(std::int64_t n) const {
    const std::vector<std::size_t> column{static_cast<std::size_t>(n - 1)};
    return world_.select(question_.criterion == Criterion::argmax ? run_.explicit_finals() : run_.explicit_vectors(), column);
  }
  std::optional<Token> token(const BallMatrix& column) const { return certified_next_tokens(model_, world_, column)[0]; }
  bool one_value(const CertifiedVector& all) const {
    const RoundedHull hull(*question_.format, all);
    return bitwise(hull, hull) == Verdict::collapsed;
  }
  bool within(const Enclosure& distance) const { return tolerance(distance, *question_.eps) == Verdict::collapsed; }
  Enclosure norm(const BallMatrix& difference) const {
    const BallMatrix zero(difference.rows(), 1);
    return distance(*question_.metric, certified_column(world_, difference, 0), certified_column(world_, zero, 0), world_.bits());
  }
  Verdict of_two(const BallMatrix& a, const BallMatrix& b) const {
    if (question_.criterion == Criterion::argmax) return argmax(token(a), token(b));
    const CertifiedVector x = certified_column(world_, a, 0), y = certified_column(world_, b, 0);
    if (question_.criterion == Criterion::tolerance) return tolerance(distance(*question_.metric, x, y, world_.bits()), *question_.eps);
    return bitwise(RoundedHull(*question_.format, x), RoundedHull(*question_.format, y));
  }

  const Model& model_;
  const InevitableQuestion& question_;
  const RunEvaluation& run_;
  const BallWorld& world_;
};

// Walks the pairs downwards from a length from which all are proved to collapse (if there is one).
class Search {
 public:
  Search(const Judge& judge, const RunEvaluation& run, std::int64_t from) : judge_(judge), run_(run), from_(from) {}

  // `tail` begins where era number `eras` would; none: nothing is proved at the end.
  InevitableRow answer(const TailVector* tail, std::size_t eras) {
    proved_ = tail != nullptr;
    upper_ = eras < run_.eras().size() ? run_.eras()[eras].era.first : run_.next();
    walk(tail, eras);
    InevitableRow row;
    row.undecided = undecided_;
    row.answer = {lower_.str(), std::nullopt, Scope::all, Status::unknown};
    if (tail) {
      row.answer.upper = upper_.str();
      row.answer.status = upper_ == lower_ ? Status::exact : Status::bracket;
    }
    return row;
  }

 private:
  void walk(const TailVector* tail, std::size_t eras) {
    lower_ = from_;
    const std::vector<EraVector>& all = run_.eras();
    for (std::size_t e = eras; e-- > 0;) {
      const EraVector& era = all[e];
      if (era.era.last < from_) return;
      // The next part's evaluation at its first length, where there is one; else the tail as a whole.
      if (e + 1 < all.size()) {
        if (stops(era.era.last, judge_.between(era, all[e + 1]))) return;
      } else if (tail) {
        if (stops(era.era.last, judge_.between(era, *tail))) return;
      }
      if (inside(era)) return;
    }
    if (!all.empty()) {
      if (stops(run_.explicit_tokens(), judge_.between_explicit_and(all[0]))) return;
    } else if (tail) {
      if (stops(run_.explicit_tokens(), judge_.between_explicit_and(*tail))) return;
    }
    for (std::int64_t n = run_.explicit_tokens() - 1; n >= from_; --n)
      if (stops(n, judge_.at_explicit(n))) return;
  }

  // Takes note of the pair at n; true where the search is over.
  bool stops(const Length& n, Verdict verdict) {
    if (n < from_) return true;
    if (verdict == Verdict::collapsed) {
      if (proved_) upper_ = n;
      return false;
    }
    proved_ = false;
    if (verdict == Verdict::distinct) return lower_ = n + 1, true;
    return ++undecided_ >= most_undecided;
  }

  // The pairs with both ends in the era, largest n first.
  bool inside(const EraVector& era) {
    std::vector<std::pair<Length, Length>> open;
    if (era.era.first < era.era.last) open.push_back({era.era.first, era.era.last});
    while (!open.empty()) {
      const auto [first, last] = open.back();
      open.pop_back();
      if (last <= from_) return true;
      if (++ranges_ > most_ranges) return true;
      if (last - first == 1) {
        if (stops(first, judge_.at(era, first))) return true;
      } else if (judge_.collapses(era, first, last)) {
        if (proved_) upper_ = std::max(first, Length(from_));
      } else {
        const Length middle = (first + last) / 2;
        open.push_back({first, middle});
        open.push_back({middle, last});
      }
    }
    return false;
  }

  const Judge& judge_;
  const RunEvaluation& run_;
  std::int64_t from_;
  bool proved_ = false;
  Length upper_, lower_;
  std::int64_t undecided_ = 0;
  std::size_t ranges_ = 0;
};

bool all_exact(const std::vector<InevitableRow>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const InevitableRow& row) { return row.answer.status == Status::exact; });
}

bool has_alibi(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) { return !layer.attention.alibi.empty(); });
}

RunSettings settings_for(const Model& model, int attempt) {
  const auto layers = static_cast<long>(model.layers.size());
  RunSettings s;
  s.degree = static_cast<std::size_t>(10 + 5 * layers + 8 * attempt);
  s.bits = 96 + 32 * layers + 64 * attempt;
  s.one_token_eras = has_alibi(model);
  return s;
}

// Eras between two attempts to close the tail, which costs as much as an era.
std::size_t eras_between_tails(const RunSettings& settings) { return settings.one_token_eras ? 64 : 1; }

// Eras until every row's tail closes or none will, then each row's search.
void by_eras(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& questions, const InevitableLimits& limits,
             const RunSettings& settings, InevitableAnswer& answer, Progress& progress) {
  RunEvaluation run(model, family.prefix, family.unit[0], place, settings);
  std::vector<Judge> judges;
  for (const InevitableQuestion& question : questions) judges.emplace_back(model, question, run);
  std::vector<std::optional<std::pair<TailVector, std::size_t>>> closed(questions.size());
  // Beyond this length the deviation from the limit is lost in rounding: a row still open has its limit on a boundary.
  const Length beyond = Length(1) << static_cast<unsigned>(std::max(8L, settings.bits - 64));
  const std::size_t most_eras = settings.one_token_eras ? limits.max_tokens : limits.max_eras;
  progress.begin(fmt::format("eras of lengths, degree {}, {} bits", settings.degree, settings.bits), most_eras);
  for (;;) {
    const TailVector tail = run.tail();
    std::size_t open = 0;
    for (std::size_t r = 0; r < questions.size(); ++r) {
      if (!closed[r] && judges[r].collapses(tail)) closed[r] = {tail, run.eras().size()};
      if (!closed[r]) ++open;
    }
    if (open == 0 || run.eras().size() >= most_eras || run.next() > beyond) break;
    for (std::size_t i = 0; i < eras_between_tails(settings); ++i) {
      run.extend();
      progress.step();
    }
  }
  run.extend();  // so that the last pair below the tail has both its vectors at single lengths
  answer.rows.clear();
  for (std::size_t r = 0; r < questions.size(); ++r) {
    Search search(judges[r], run, family.from);
    answer.rows.push_back(closed[r] ? search.answer(&closed[r]->first, closed[r]->second) : search.answer(nullptr, run.eras().size() - 1));
    if (closed[r]) answer.tail_from = run.eras().back().era.first.str();
  }
  answer.theorem = "inevitable_by_eras";
  answer.hypotheses = {
      "No layer has a window, a soft-cap or rotary positions, no positions are added to the embeddings; the run is of one token, without suffix.",
      fmt::format("Of {} eras only finite enclosures are used: where a mass is not bounded away from 0, a norm's argument not proved positive or the residual "
                  "of an inverse or a root not below 1, the enclosure is infinite and proves nothing.", run.eras().size())};
  answer.eras = run.eras().size();
  answer.explicit_tokens = settings.explicit_tokens;
  answer.degree = settings.degree;
  answer.bits = settings.bits;
  answer.limit = certified_column(run.balls(), run.limit(), 0);
}

// Every length below the windows' reach is evaluated; longer reaches are refused.
constexpr std::size_t longest_reach = 3000;

// How many tokens before the last one its vector may depend on, where every layer has a window; at most longest_reach + 1 (windows come
// from files, and their sum may not fit an integer).
std::optional<std::int64_t> window_reach(const Model& model) {
  std::size_t reach = 0;
  for (const Layer& layer : model.layers) {
    if (!layer.attention.window) return std::nullopt;
    reach = std::min(longest_reach + 1, reach + std::min(longest_reach + 1, *layer.attention.window - 1));
  }
  return static_cast<std::int64_t>(reach);
}

// Overflow is no collapse, so that of a constant vector must be excluded.
bool fits(const Format& format, const CertifiedVector& vector) {
  return std::all_of(vector.begin(), vector.end(), [&](const Enclosure& entry) {
    return round(format, entry.lower).status == RoundStatus::finite && round(format, entry.upper).status == RoundStatus::finite;
  });
}

Verdict verdict_of(const InevitableQuestion& question, const Evaluation& e, std::size_t i, long bits) {
  const std::size_t a = e.first[i], b = e.second[i];
  switch (question.criterion) {
    case Criterion::bitwise: return bitwise(RoundedHull(*question.format, e.vectors[a]), RoundedHull(*question.format, e.vectors[b]));
    case Criterion::tolerance: return tolerance(distance(*question.metric, e.vectors[a], e.vectors[b], bits), *question.eps);
    default: return argmax(e.next_tokens[a], e.next_tokens[b]);
  }
}

// y depends on the last reach + 1 tokens, which S_n and S_{n+1} share from some n on; below it pairs are enumerated.
void by_window(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& questions, const InevitableLimits& limits,
               std::int64_t reach, InevitableAnswer& answer, Progress& progress) {
  const auto unit = static_cast<std::int64_t>(family.unit.size()), suffix = static_cast<std::int64_t>(family.suffix.size());
  const std::int64_t shared = std::max<std::int64_t>(0, (reach + 1 - suffix + unit - 1) / unit);  // least n with n |U| + |Q| >= reach + 1
  const std::int64_t constant_from = std::max(family.from, shared);
  Family below = family;
  below.to = constant_from;
  const FamilyBlock block = family_block(below);
  const bool next_tokens = std::any_of(questions.begin(), questions.end(), [](const auto& q) { return q.criterion == Criterion::argmax; });
  answer.theorem = "window_reach";
  answer.hypotheses = {"Every layer has a window and no positions are added to the embeddings.",
                       fmt::format("From n = {} on both sequences end in the same {} tokens, all that the last vector depends on.", constant_from, reach + 1)};
  for (long bits = std::min(limits.max_bits, predict_bits(model, block.columns, 64));; bits = std::min(limits.max_bits, 2 * bits)) {
    const Evaluation e = evaluate(model, block, place, next_tokens, bits, progress);
    answer.rows.clear();
    for (const InevitableQuestion& question : questions) {
      InevitableRow row;
      std::int64_t lower = family.from, upper = constant_from;
      // Equal vectors are no collapse where they overflow, nor where no next token is certified.
      bool proved = true;
      if (question.criterion == Criterion::bitwise) proved = fits(*question.format, e.vectors[e.first.back()]);
      if (question.criterion == Criterion::argmax) proved = e.next_tokens[e.first.back()].has_value();
      const bool constant_collapses = proved;
      for (std::int64_t n = constant_from - 1; n >= below.from; --n) {
        const Verdict verdict = verdict_of(question, e, static_cast<std::size_t>(n - below.from), bits + 32);
        if (verdict == Verdict::collapsed && proved) upper = n;
        if (verdict != Verdict::collapsed) proved = false;
        if (verdict == Verdict::distinct) {
          lower = n + 1;
          break;
        }
        if (verdict == Verdict::undecided) ++row.undecided;
      }
      row.answer = {std::to_string(lower), std::nullopt, Scope::all, Status::unknown};
      if (constant_collapses) row.answer.upper = std::to_string(upper), row.answer.status = lower == upper ? Status::exact : Status::bracket;
      answer.rows.push_back(std::move(row));
    }
    answer.bits = bits;
    answer.tail_from = std::to_string(constant_from);
    answer.limit = e.vectors[e.first.back()];
    if (all_exact(answer.rows) || bits == limits.max_bits) break;
    if (std::none_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.undecided > 0; })) break;
  }
}

}  // namespace

std::optional<std::string> no_proof_for_all(const Model& model, const Family& family) {
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions: the sequences have no limit";
  if (family.sample) return "sampled tokens: nothing holds for all n";
  if (family.delimiter) return "delimiters between groups";
  if (family.pair != Pair::next) return "pairs other than (S_n, S_n+1)";
  // Nothing is known of lengths that are not examined, and S_0 is a sequence of another kind.
  if (family.from != 1) return "lengths that do not begin at 1";
  if (const auto reach = window_reach(model)) {
    if (*reach > static_cast<std::int64_t>(longest_reach)) return fmt::format("windows that reach back over more than {} tokens", longest_reach);
    return std::nullopt;
  }
  if (!family.suffix.empty()) return "a suffix";
  if (family.unit.size() != 1) return "a unit of several tokens";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (a.rotary) return "rotary positions";
    if (a.window) return "a sliding window in some layers only";
    if (a.softcap) return "soft-capped scores";
  }
  return std::nullopt;
}

InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& questions,
                                    const InevitableLimits& limits, Progress& progress) {
  if (const auto problem = problem_of(family, model)) throw InputError(problem->key, problem->description);
  InevitableAnswer answer;
  if (const auto reason = no_proof_for_all(model, family)) {
    answer.unsupported = *reason;
    answer.rows.resize(questions.size());
    for (InevitableRow& row : answer.rows) row.answer = {std::to_string(std::min<std::int64_t>(family.from, 1)), std::nullopt, Scope::all, Status::unknown};
    return answer;
  }
  if (const auto reach = window_reach(model)) {
    by_window(model, family, place, questions, limits, *reach, answer, progress);
    return answer;
  }
  for (int attempt = 0; attempt < limits.attempts; ++attempt) {
    RunSettings settings = settings_for(model, attempt);
    if (attempt > 0 && settings.bits > limits.max_bits) break;
    settings.bits = std::min(settings.bits, limits.max_bits);
    by_eras(model, family, place, questions, limits, settings, answer, progress);
    if (all_exact(answer.rows)) break;
  }
  return answer;
}

}  // namespace snellen
