#include "bounds/inevitable_by_majorant.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/family_text.hpp"
#include "bounds/limit_refusals.hpp"
#include "bounds/majorant.hpp"
#include "bounds/next_token.hpp"

namespace snellen {
namespace {

constexpr std::size_t fewest_tokens = 128, most_tokens = 1024, most_turning_tokens = 8192;  // of the run, explicit; where queries turn
constexpr std::size_t most_weights = 8'000'000;       // larger models take too long: a stage multiplies by all of them, column by column
constexpr std::size_t longest_listed_window = 4096;   // whose tokens are weighed one by one
constexpr std::size_t most_enumerated = 4000;         // columns of the pairs that are enumerated

std::size_t weights_of(const Model& model) {
  std::size_t count = 0;
  const auto add = [&](const std::optional<Linear>& map) { count += map ? map->weight->rows() * map->weight->columns() : 0; };
  for (const Layer& l : model.layers) add(l.query), add(l.key), add(l.value), add(l.output), add(l.gate), add(l.up), add(l.down);
  return count;
}

// The pairs whose vectors lie in a ball column (of the vector; of y for next tokens), not judged by their distance: collapsed, or overflowing, all of them;
// else undecided.
Verdict verdict_of_all(const Model& model, const InevitableQuestion& question, const BallWorld& balls, const BallMatrix& column) {
  if (question.criterion == Criterion::argmax) {
    const std::optional<Token> token = certified_next_tokens(model, balls, column)[0];
    return argmax(token, token);
  }
  const RoundedHull hull(*question.format, certified_column(balls, column, 0));
  return bitwise(hull, hull);
}

const MajorantBlock& vector_for(const InevitableQuestion& question, const MajorantStage& stage) {
  return question.criterion == Criterion::argmax ? stage.final : stage.vector;
}

// All pairs n >= from, by what the stage proves.
Verdict verdict_from(const Model& model, const InevitableQuestion& question, const MajorantRun& run, const MajorantStage& stage, const Length& from) {
  if (question.criterion != Criterion::tolerance) return verdict_of_all(model, question, run.balls(), stage.over(vector_for(question, stage), from));
  const BallMatrix steps = stage.steps_over(stage.vector, from), none(steps.rows(), 1);
  const BallWorld& balls = run.balls();
  return tolerance(distance(*question.metric, certified_column(balls, steps, 0), certified_column(balls, none, 0), balls.bits()), *question.eps);
}

const char* theorem_of(Criterion criterion) { return criterion == Criterion::tolerance ? "inevitable_by_steps" : "inevitable_by_majorant"; }

// The least N in (open, closed] from which the stage proves collapse; it does from `closed` on, and enclosures shrink with N.
Length least(const Model& model, const InevitableQuestion& question, const MajorantRun& run, const MajorantStage& stage, Length open, Length closed) {
  while (closed - open > 1) {
    const Length middle = (open + closed) / 2;
    (verdict_from(model, question, run, stage, middle) == Verdict::collapsed ? closed : open) = middle;
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
    row.answer = {lower.str(), row.answer.upper, Scope::all, Status::unknown};
    if (row.answer.upper) row.answer.status = Length(*row.answer.upper) == lower ? Status::exact : Status::bracket;
  }
}

InevitableAnswer attempt(const InevitableTask& task, long bits, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const std::size_t unit = family.unit.size();
  const auto copies_of = [&](std::size_t tokens) { return static_cast<std::int64_t>((std::min(tokens, task.limits.max_tokens) + unit - 1) / unit); };
  const bool turns = std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& l) { return l.attention.rotary && !l.attention.window; });
  progress.begin(fmt::format("explicit tokens of the majorants, {} bits", bits), 1);
  MajorantRun run(model, family, place, copies_of(fewest_tokens), copies_of(turns ? most_turning_tokens : most_tokens), bits);
  progress.step();
  const std::int64_t copies = run.copies();
  InevitableAnswer answer;
  answer.rows.resize(questions.size());
  // Beyond this length the deviation is lost in the rounding of the limit.
  const Length beyond = Length(1) << static_cast<unsigned>(bits);
  progress.begin(fmt::format("majorants, {} explicit copies of the unit, {} bits", copies, bits), static_cast<std::size_t>(bits));
  Length first = copies + 1;
  std::vector<bool> open(questions.size(), true), hopeless(questions.size());
  std::optional<MajorantStage> before;
  std::size_t stages = 0;
  for (; std::find(open.begin(), open.end(), true) != open.end() && first < beyond && stages < limits.max_eras; first += first / 2, ++stages) {
    MajorantStage stage = run.stage(first);
    progress.step();
    for (std::size_t r = 0; r < questions.size(); ++r) {
      if (stages == 0 && questions[r].criterion != Criterion::tolerance &&
          verdict_of_all(model, questions[r], run.balls(), stage.world.limit(vector_for(questions[r], stage), 0)) == Verdict::undecided)
        hopeless[r] = true, open[r] = false;
      if (!open[r]) continue;
      const Verdict verdict = verdict_from(model, questions[r], run, stage, first);
      if (verdict == Verdict::overflow) answer.rows[r].overflow_from = first.str();
      if (verdict == Verdict::collapsed) {
        const bool earlier = before && verdict_from(model, questions[r], run, *before, first) == Verdict::collapsed;
        answer.rows[r].answer.upper = (earlier ? least(model, questions[r], run, *before, before->first, first) : first).str();
      }
      open[r] = verdict != Verdict::collapsed && verdict != Verdict::overflow;
    }
    if (stages == 0) {
      answer.limit = certified_column(run.balls(), stage.world.limit(stage.vector, 0), 0);
      answer.limit_next_token = certified_next_tokens(model, run.balls(), stage.world.limit(stage.final, 0))[0];
      answer.limit_sequence = list_text(family.unit);
      if (unit > 1 || !family.suffix.empty()) answer.limit_sequence += "^n" + (family.suffix.empty() ? "" : " . " + list_text(family.suffix)) + " for n to infinity";
    }
    before = std::move(stage);
  }
  InevitableProof proof;
  proof.hypotheses = {
      "No positions are added to the embeddings, no layer without a window has ALiBi, and the run is of one token or no layer without a window has rotary positions: the "
      "vectors have a limit.",
      "Only finite enclosures are used: where a mass is not bounded away from 0, or a norm's argument is not proved positive, the bound is infinite and proves nothing."};
  proof.numbers = {{"explicit tokens", std::to_string(family.prefix.size() + static_cast<std::size_t>(copies) * unit)},
                   {"stages", std::to_string(stages)},
                   {"bits", std::to_string(bits)}};
  const auto pairs = static_cast<std::int64_t>(std::min(most_enumerated, limits.max_tokens) / (family.suffix.size() + 1));
  enumerate(task, std::min(copies, std::max<std::int64_t>(1, pairs)), bits, progress, answer);
  for (std::size_t r = 0; r < questions.size(); ++r) {
    InevitableRow& row = answer.rows[r];
    row.theorem = theorem_of(questions[r].criterion), row.numbers = proof.numbers;
    if (hopeless[r]) row.open = fmt::format("at {} bits the limit itself cannot be judged: it lies on a boundary, or too near to one", bits);
    else if (open[r]) row.open = fmt::format("{} stages were not enough: what holds from n = {} on is still too wide", stages, (before ? before->first : first).str());
    else if (!row.decided())
      row.open = fmt::format("a majorant gives an upper end, {:.3g} times the lower one; this way looks for distinct pairs among the explicit lengths",
                             static_cast<double>(Length(*row.answer.upper)) / static_cast<double>(Length(row.answer.lower)));
  }
  for (const Criterion criterion : {Criterion::bitwise, Criterion::tolerance}) {
    proof.theorem = theorem_of(criterion);
    if (criterion == Criterion::tolerance)
      proof.hypotheses.push_back(
          "The bound of each coordinate's step from S_n to S_n+1, or twice that of its deviation from the limit where this is less, falls with n.");
    const auto rests_on_it = [&](const InevitableRow& row) { return row.theorem == proof.theorem; };
    if (std::any_of(answer.rows.begin(), answer.rows.end(), rests_on_it)) answer.proofs.push_back(proof);
  }
  return answer;
}

}  // namespace

std::optional<std::string> majorant_refuses(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (auto why = limit_refuses(task)) return why;
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
    if (std::all_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.answer.upper || row.overflow_from; })) break;
  }
  return answer;
}

}  // namespace snellen
