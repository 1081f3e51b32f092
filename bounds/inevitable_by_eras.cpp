#include "bounds/inevitable_by_eras.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/era.hpp"
#include "bounds/limit_refusals.hpp"
#include "bounds/next_token.hpp"

namespace snellen {
namespace {

// A row is searched for its last pair that is not proved to collapse by halving ranges of n; past this many undecided n the search for a distinct one ends.
constexpr std::int64_t most_undecided = 200;
constexpr std::size_t most_ranges = 200'000;
constexpr double largest_heaviness = 4096;  // log2

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

  // For all n >= tail.first some coordinate has no finite value in the format.
  bool overflows(const TailVector& tail) const { return question_.criterion == Criterion::bitwise && overflows(certified_column(world_, tail.vector, 0)); }
  // The same for all n of the era.
  bool overflows(const EraVector& era, const Length& from, const Length& to) const {
    return question_.criterion == Criterion::bitwise && overflows(certified_column(world_, era.over(era.vector, from, to), 0));
  }

  // No tail can be judged whose limit cannot, at this precision: on a rounding boundary, without a certified next token.
  bool hopeless() const {
    if (question_.criterion == Criterion::argmax) return !token(run_.limit_final());
    BallMatrix around = run_.limit();
    for (std::size_t i = 0; i < around.rows(); ++i) {
      Ball width;  // relative, so that an exact 0 stays one
      arb_mul_2exp_si(width, around(i, 0), -world_.bits());
      arb_add_error(around(i, 0), width);
    }
    const CertifiedVector limit = certified_column(world_, around, 0);
    if (question_.criterion == Criterion::tolerance) return !within(distance(*question_.metric, limit, limit, world_.bits()));
    return !one_value(limit) && !overflows(limit);
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

  // Proved: some pair (n, n + 1) with first <= n < last does not collapse. Both lengths explicit or in an era.
  bool distinct_between(const Length& first, const Length& last) const {
    const BallMatrix a = column_at(first), b = column_at(last);
    if (question_.criterion != Criterion::tolerance) return of_two(a, b) == Verdict::distinct;
    const Length steps = last - first;
    Dyadic apart(world_.bits());  // at least steps * eps
    mpfr_mul_z(apart.get(), question_.eps->get(), steps.backend().data(), MPFR_RNDU);
    return tolerance(distance(*question_.metric, certified_column(world_, a, 0), certified_column(world_, b, 0), world_.bits()), apart) == Verdict::distinct;
  }

 private:
  BallMatrix explicit_column(std::int64_t n) const {
    const std::vector<std::size_t> column{static_cast<std::size_t>(n - 1)};
    return world_.select(question_.criterion == Criterion::argmax ? run_.explicit_finals() : run_.explicit_vectors(), column);
  }
  BallMatrix column_at(const Length& n) const {
    if (n <= run_.explicit_tokens()) return explicit_column(static_cast<std::int64_t>(n));
    const auto era = std::partition_point(run_.eras().begin(), run_.eras().end(), [&](const EraVector& e) { return e.era.last < n; });
    return era->over(question_.criterion == Criterion::argmax ? era->final : era->vector, n, n);
  }
  std::optional<Token> token(const BallMatrix& column) const { return certified_next_tokens(model_, world_, column)[0]; }
  bool one_value(const CertifiedVector& all) const {
    const RoundedHull hull(*question_.format, all);
    return bitwise(hull, hull) == Verdict::collapsed;
  }
  bool overflows(const CertifiedVector& all) const {
    const RoundedHull hull(*question_.format, all);
    return bitwise(hull, hull) == Verdict::overflow;
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
    if (!tail || lower_ < upper_) raise_lower();
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

  // A lower end where single pairs stay undecided, from vectors far apart (proofs/era.md, `distinct_between`): of the last era that proves one.
  void raise_lower() {
    const std::vector<EraVector>& all = run_.eras();
    if (all.empty()) return;
    const Length& end = all.back().era.last;
    for (std::size_t e = all.size(); e-- > 0 && all[e].era.last > lower_;)
      for (const Length& last : {end, all[e].era.last})
        if (raise_lower_between(all[e].era.first, last)) return;
    raise_lower_between(from_, end);
  }

  // The same between two lengths, halved towards the last pair proved.
  bool raise_lower_between(Length first, Length last) {
    if (first < from_ || first >= last || !judge_.distinct_between(first, last)) return false;
    while (last - first > 1) {
      const Length middle = (first + last) / 2;
      if (judge_.distinct_between(middle, last)) first = middle;
      else if (judge_.distinct_between(first, middle)) last = middle;
      else break;
    }
    lower_ = std::max(lower_, Length(first + 1));
    return true;
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
    if (verdict == Verdict::overflow) return false;
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
      } else if (judge_.overflows(era, first, last)) {
        proved_ = false;
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

bool has_alibi(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) { return !layer.attention.alibi.empty(); });
}

// The finest format asked for; fp32 stands for what has none.
long finest_precision(const std::vector<InevitableQuestion>& questions) {
  long finest = 0;
  for (const InevitableQuestion& question : questions) finest = std::max<long>(finest, question.format ? question.format->precision : 24);
  return finest;
}

// By attempts. Near N*, about 2^(precision + a few), a step is 1/N* of the distance from the limit: single pairs need some bits beyond the format's,
// and every layer loses some of them. Degree q is worth about 3 q bits in eras of the usual width.
RunSettings settings_for(const Model& model, const std::vector<InevitableQuestion>& questions, int attempt) {
  const auto layers = static_cast<long>(model.layers.size()), precision = finest_precision(questions);
  constexpr double bits_beyond_format = 40;
  RunSettings s;
  s.degree = static_cast<std::size_t>(std::max(10L, 10 + 5 * layers + 8 * attempt - (24 - precision) / 3));
  s.bits = 64 + 4 * static_cast<long>(s.degree) + 32 * attempt;
  s.one_token_eras = has_alibi(model);
  s.wanted = -2.0 * static_cast<double>(s.degree);
  if (attempt == 0) s.wanted = std::max(*s.wanted, -static_cast<double>(precision) - bits_beyond_format);
  return s;
}

// Eras between two attempts to close the tail, which costs as much as an era.
std::size_t eras_between_tails(const RunSettings& settings) { return settings.one_token_eras ? 64 : 1; }

// Eras until every row's tail closes or none will, then each row's search.
InevitableAnswer attempt(const InevitableTask& task, const RunSettings& settings, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  RunEvaluation run(model, family.prefix, family.unit[0], family.suffix, place, settings);
  std::vector<Judge> judges;
  for (const InevitableQuestion& question : questions) judges.emplace_back(model, question, run);
  std::vector<std::optional<std::pair<TailVector, std::size_t>>> closed(questions.size());
  std::vector<bool> hopeless(questions.size());
  for (std::size_t r = 0; r < questions.size(); ++r) hopeless[r] = judges[r].hopeless();
  // Beyond this length, counted from where the run outweighs the prefix, the deviation from the limit is lost in rounding: a row still open has its limit on a boundary.
  const double heaviness = std::min(run.heaviness(), largest_heaviness);
  const Length beyond = Length(1) << static_cast<unsigned>(std::max(8L, settings.bits - 64) + std::lround(heaviness));
  const std::size_t most_eras = settings.one_token_eras ? limits.max_tokens : limits.max_eras;
  progress.begin(fmt::format("eras of lengths, degree {}, {} bits", settings.degree, settings.bits), most_eras);
  std::optional<TailVector> last;
  for (;;) {
    const TailVector& tail = last.emplace(run.tail());
    std::size_t open = 0;
    for (std::size_t r = 0; r < questions.size(); ++r) {
      if (!closed[r] && !hopeless[r] && (judges[r].collapses(tail) || judges[r].overflows(tail))) closed[r] = {tail, run.eras().size()};
      if (!closed[r] && !hopeless[r]) ++open;
    }
    if (open == 0 || run.eras().size() >= most_eras || run.next() > beyond) break;
    for (std::size_t i = 0; i < eras_between_tails(settings); ++i) {
      run.extend();
      progress.step();
    }
  }
  run.extend();  // so that the last pair below the tail has both its vectors at single lengths
  InevitableAnswer answer;
  InevitableProof proof;
  for (std::size_t r = 0; r < questions.size(); ++r) {
    Search search(judges[r], run, family.from);
    const bool overflows = closed[r] && judges[r].overflows(closed[r]->first);
    InevitableRow row = closed[r] ? search.answer(overflows ? nullptr : &closed[r]->first, closed[r]->second) : search.answer(nullptr, run.eras().size() - 1);
    row.theorem = "inevitable_by_eras";
    if (overflows) row.overflow_from = closed[r]->first.first.str();
    if (closed[r]) row.numbers["tail from"] = closed[r]->first.first.str();
    if (hopeless[r]) row.open = fmt::format("at {} bits the limit itself cannot be judged: it lies on a boundary, or too near to one", settings.bits);
    else if (!closed[r]) row.open = fmt::format("{} {} were not enough: the tail from n = {} on is still too wide", run.eras().size(),
                                                settings.one_token_eras ? "tokens" : "eras", run.next().str());
    else if (!row.decided()) row.open = fmt::format("{} pairs stayed undecided at degree {} and {} bits", row.undecided, settings.degree, settings.bits);
    answer.rows.push_back(std::move(row));
  }
  proof.theorem = "inevitable_by_eras";
  proof.hypotheses = {
      "No layer has a window, a soft-cap or rotary positions, no positions are added to the embeddings; the run is of one token, and under ALiBi nothing follows it.",
      fmt::format("Of {} eras only finite enclosures are used: where a mass is not bounded away from 0, a norm's argument not proved positive or the residual "
                  "of an inverse or a root not below 1, the enclosure is infinite and proves nothing.", run.eras().size())};
  proof.numbers["eras"] = std::to_string(run.eras().size());
  proof.numbers["explicit tokens"] = std::to_string(settings.explicit_tokens);
  proof.numbers["degree"] = std::to_string(settings.degree);
  proof.numbers["bits"] = std::to_string(settings.bits);
  for (InevitableRow& row : answer.rows) row.numbers.insert(proof.numbers.begin(), proof.numbers.end());
  answer.proofs.push_back(std::move(proof));
  answer.limit = certified_column(run.balls(), run.limit(), 0);
  answer.tail = certified_column(run.balls(), last->vector, 0), answer.tail_from = last->first.str(), answer.tail_theorem = "convex_hull";
  answer.limit_next_token = certified_next_tokens(model, run.balls(), run.limit_final())[0];
  return answer;
}

}  // namespace

std::optional<std::string> eras_refuse(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (auto why = limit_refuses(task)) return why;
  if (!family.suffix.empty() && has_alibi(model)) return "a suffix under ALiBi, which keeps its weight";
  if (family.unit.size() != 1) return "a unit of several tokens";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (a.rotary) return "rotary positions";
    if (a.window) return "a sliding window in some layers only";
    if (a.softcap) return "soft-capped scores";
  }
  return std::nullopt;
}

InevitableAnswer by_eras(const InevitableTask& task, Progress& progress) {
  InevitableAnswer answer;
  for (int i = 0; i < task.limits.attempts && !answer.decided(); ++i) {
    RunSettings settings = settings_for(task.model, task.questions, i);
    if (i > 0 && settings.bits > task.limits.max_bits) break;
    settings.bits = std::min(settings.bits, task.limits.max_bits);
    std::vector<std::size_t> open;  // rows that are asked again
    for (std::size_t r = 0; r < task.questions.size(); ++r)
      if (answer.rows.empty() || !answer.rows[r].decided()) open.push_back(r);
    std::vector<InevitableQuestion> asked;
    for (const std::size_t r : open) asked.push_back(task.questions[r]);
    InevitableAnswer found = attempt({task.model, task.family, task.place, asked, task.limits}, settings, progress);
    std::vector<InevitableRow> rows = answer.rows;
    rows.resize(task.questions.size());
    for (std::size_t k = 0; k < open.size(); ++k) rows[open[k]] = std::move(found.rows[k]);
    found.rows = std::move(rows);
    answer.sharpen(std::move(found));
  }
  return answer;
}

}  // namespace snellen
