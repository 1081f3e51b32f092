#include "bounds/inevitable_by_majorant.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/majorant.hpp"
#include "bounds/next_token.hpp"

namespace snellen {
namespace {

constexpr std::size_t fewest_tokens = 128, most_tokens = 1024;  // of the run, explicit
constexpr std::size_t most_weights = 8'000'000;       // larger models take too long: a stage multiplies by all of them, column by column
constexpr std::size_t longest_listed_window = 4096;   // whose tokens are weighed one by one
constexpr std::size_t most_enumerated = 4000;         // columns of the pairs that are enumerated

std::size_t weights_of(const Model& model) {
  std::size_t count = 0;
  const auto add = [&](const std::optional<Linear>& map) { count += map ? map->weight->rows() * map->weight->columns() : 0; };
  for (const Layer& l : model.layers) add(l.query), add(l.key), add(l.value), add(l.output), add(l.gate), add(l.up), add(l.down);
  return count;
}

// Do all pairs n >= from collapse, by what the stage proves?
bool collapses(const Model& model, const InevitableQuestion& question, const MajorantRun& run, const MajorantStage& stage, const Length& from) {
  const BallWorld& balls = run.balls();
  if (question.criterion == Criterion::argmax) return certified_next_tokens(model, balls, stage.over(stage.final, from))[0].has_value();
  const CertifiedVector all = certified_column(balls, stage.over(stage.vector, from), 0);
  if (question.criterion == Criterion::tolerance)
    return tolerance(distance(*question.metric, all, all, balls.bits()), *question.eps) == Verdict::collapsed;
  const RoundedHull hull(*question.format, all);
  return bitwise(hull, hull) == Verdict::collapsed;
}

// The least N in (open, closed] from which the stage proves collapse; it does from `closed` on, and enclosures shrink with N.
Length least(const Model& model, const InevitableQuestion& question, const MajorantRun& run, const MajorantStage& stage, Length open, Length closed) {
  while (closed - open > 1) {
    const Length middle = (open + closed) / 2;
    (collapses(model, question, run, stage, middle) ? closed : open) = middle;
  }
  return closed;
}

Verdict verdict_of(const InevitableQuestion& question, const Evaluation& e, std::size_t i, long bits) {
  const std::size_t a = e.first[i], b = e.second[i];
  switch (question.criterion) {
    case Criterion::bitwise: return bitwise(RoundedHull(*question.format, e.vectors[a]), RoundedHull(*question.format, e.vectors[b]));
    case Criterion::tolerance: return tolerance(distance(*question.metric, e.vectors[a], e.vectors[b], bits), *question.eps);
    default: return argmax(e.next_tokens[a], e.next_tokens[b]);
  }
}

// The pairs 1, ..., to, evaluated: the lower end, and the upper one where the lengths beyond `to` are proved.
void enumerate(const InevitableTask& task, std::int64_t to, long bits, Progress& progress, InevitableAnswer& answer) {
  Family below = task.family;
  below.from = 1, below.to = to;
  const bool next_tokens = std::any_of(task.questions.begin(), task.questions.end(), [](const auto& q) { return q.criterion == Criterion::argmax; });
  const Evaluation e = evaluate(task.model, family_block(below), task.place, next_tokens, bits, progress);
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    InevitableRow& row = answer.rows[r];
    bool proved = row.answer.upper && Length(*row.answer.upper) <= to + 1;
    Length lower = 1;
    for (std::int64_t n = to; n >= 1; --n) {
      const Verdict verdict = verdict_of(task.questions[r], e, static_cast<std::size_t>(n - 1), bits + 32);
      if (verdict == Verdict::collapsed && proved) row.answer.upper = std::to_string(n);
      if (verdict != Verdict::collapsed) proved = false;
      if (verdict == Verdict::distinct) {
        lower = n + 1;
        break;
      }
      if (verdict != Verdict::collapsed) ++row.undecided;
    }
    row.answer.lower = lower.str();
    if (row.answer.upper) row.answer.status = Length(*row.answer.upper) == lower ? Status::exact : Status::bracket;
  }
}

InevitableAnswer attempt(const InevitableTask& task, long bits, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const std::size_t unit = family.unit.size();
  const auto copies_of = [&](std::size_t tokens) { return static_cast<std::int64_t>((tokens + unit - 1) / unit); };
  MajorantRun run(model, family, place, copies_of(fewest_tokens), copies_of(most_tokens), bits);
  const std::int64_t copies = run.copies();
  InevitableAnswer answer;
  answer.rows.resize(questions.size());
  for (InevitableRow& row : answer.rows) {
    row.answer = {"1", std::nullopt, Scope::all, Status::unknown};
    row.theorem = "inevitable_by_majorant";
  }
  // Beyond this length the deviation is lost in the rounding of the limit: a row still open has its limit on a boundary, or needs more bits.
  const Length beyond = Length(1) << static_cast<unsigned>(bits);
  progress.begin(fmt::format("majorants, {} explicit copies of the unit, {} bits", copies, bits), static_cast<std::size_t>(bits));
  Length first = copies + 1;
  std::optional<MajorantStage> before;
  std::size_t stages = 0, open = questions.size();
  for (; open > 0 && first < beyond && stages < limits.max_eras; first += first / 2, ++stages) {
    MajorantStage stage = run.stage(first);
    progress.step();
    for (std::size_t r = 0; r < questions.size(); ++r) {
      Inevitable& found = answer.rows[r].answer;
      if (found.upper || !collapses(model, questions[r], run, stage, first)) continue;
      Length upper = first;
      if (before && collapses(model, questions[r], run, *before, first)) upper = least(model, questions[r], run, *before, before->first, first);
      found.upper = upper.str(), found.status = Status::bracket;
      --open;
    }
    if (stages == 0) answer.limit = certified_column(run.balls(), stage.world.limit(stage.vector, 0), 0);
    before = std::move(stage);
  }
  InevitableProof proof;
  proof.theorem = "inevitable_by_majorant";
  proof.hypotheses = {
      "No positions are added to the embeddings, no layer without a window has ALiBi, and the run is of one token or no layer without a window has rotary positions: the "
      "vectors have a limit.",
      "Only finite enclosures are used: where a mass is not bounded away from 0, or a norm's argument is not proved positive, the bound is infinite and proves nothing."};
  proof.numbers = {{"explicit tokens", std::to_string(family.prefix.size() + static_cast<std::size_t>(copies) * unit)},
                   {"stages", std::to_string(stages)},
                   {"bits", std::to_string(bits)}};
  answer.proofs.push_back(std::move(proof));
  const auto pairs = static_cast<std::int64_t>(most_enumerated / (family.suffix.size() + 1));
  enumerate(task, std::min(copies, std::max<std::int64_t>(1, pairs)), bits, progress, answer);
  return answer;
}

}  // namespace

std::optional<std::string> majorant_refuses(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions: the sequences have no limit";
  if (family.delimiter) return "delimiters between groups";
  if (family.pair != Pair::next) return "pairs other than (S_n, S_n+1)";
  const bool listed = family.unit.size() > 1 || !family.suffix.empty();
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (!a.window && !a.alibi.empty()) return "ALiBi without a window";
    if (!a.window && a.rotary && family.unit.size() > 1) return "a unit of several tokens turned by rotary positions: its limit need not exist";
    if (a.window && listed && *a.window > longest_listed_window) return fmt::format("a suffix or a unit of several tokens under a window of more than {}", longest_listed_window);
  }
  if (weights_of(model) > most_weights) return fmt::format("more than {} weights", most_weights);
  return std::nullopt;
}

InevitableAnswer by_majorant(const InevitableTask& task, Progress& progress) {
  InevitableAnswer answer;
  const long layers = static_cast<long>(task.model.layers.size());
  for (int i = 0; i < task.limits.attempts; ++i) {
    const long bits = 96 + 32 * layers + 96 * i;
    if (i > 0 && bits > task.limits.max_bits) break;
    answer.sharpen(attempt(task, std::min(bits, task.limits.max_bits), progress));
    if (std::all_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.answer.upper.has_value(); })) break;
  }
  return answer;
}

}  // namespace snellen
