#include "bounds/inevitable_by_period.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/family_text.hpp"
#include "bounds/inevitable_by_eras.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/next_token.hpp"
#include "bounds/period.hpp"

namespace snellen {
namespace {

// A copy's columns each keep all earlier tokens, by positions of the period: the work of a copy grows with the square.
constexpr std::size_t most_columns = 64;
// Tokens that a window may show: each copy reads them one by one.
constexpr std::size_t widest_window = 3000;
// Tokens between two attempts to close the tail, which costs as much as a copy.
constexpr std::int64_t tokens_between_tails = 64;
// A tail whose radius was not halved over so many tokens (log 2 / 2^-8 would do) has come to the end of its precision.
constexpr std::int64_t patience = 1024;

PeriodSettings settings_for(const InevitableTask& task, int attempt) {
  const auto layers = static_cast<long>(task.model.layers.size());
  PeriodSettings s;
  s.bits = 96 + 32 * layers + 64 * attempt, s.accuracy += 64 * attempt;
  for (const Layer& layer : task.model.layers)
    if (layer.attention.window) s.explicit_tokens = std::max(s.explicit_tokens, static_cast<std::int64_t>(*layer.attention.window));
  return s;
}

std::optional<Token> next_token(const Model& model, const BallWorld& world, const BallMatrix& y) { return certified_next_tokens(model, world, y)[0]; }

// One evaluation, and how its rows end.
class Attempt {
 public:
  Attempt(const InevitableTask& task, const PeriodSettings& settings, Progress& progress)
      : task_(task), settings_(settings), run_(task.model, task.family, task.place, settings), ends_(task.questions.size()) {
    progress.begin(fmt::format("copies of the period, {} bits", settings.bits), task.limits.max_tokens);
    for (std::int64_t settled = 0;;) {
      close(run_.tail());
      const bool open = std::any_of(ends_.begin(), ends_.end(), [](const auto& end) { return !end; });
      if (!open || run_.tokens() >= static_cast<std::int64_t>(task.limits.max_tokens)) break;
      if (run_.tokens() - settled >= patience) {
        if (settled > 0 && !(radius_ < radius_then_)) break;
        settled = run_.tokens(), radius_then_ = shifted(radius_, -1);
      }
      const std::int64_t before = run_.tokens();
      while (run_.tokens() < before + tokens_between_tails) {
        run_.extend();
        for (std::size_t t = 0; t < static_cast<std::size_t>(run_.tokens() / run_.copies()); ++t) progress.step();
      }
    }
    run_.extend();  // the second vector of the last pair below the tail
  }

  InevitableAnswer answer() const {
    InevitableAnswer answer;
    for (std::size_t r = 0; r < ends_.size(); ++r) answer.rows.push_back(row(r));
    InevitableProof proof;
    proof.theorem = "inevitable_by_kinds";
    proof.hypotheses = {
        "No positions are added to the embeddings; every layer has ALiBi slopes, or a window, or both, and neither rotary positions nor a soft-cap.",
        fmt::format("The run is copies of {} tokens, the pairs are of {} kinds; beyond {} copies every vector lies in the tail's enclosure (`periodic_hull`).",
                    run_.tokens() / run_.copies(), run_.kinds(), run_.copies() - 1),
        "Only finite enclosures are used: where a mass is not bounded away from 0 or a norm's argument not proved positive the enclosure is infinite and proves nothing."};
    proof.numbers["period"] = std::to_string(run_.tokens() / run_.copies());
    proof.numbers["kinds"] = std::to_string(run_.kinds());
    proof.numbers["explicit tokens"] = std::to_string(settings_.explicit_tokens);
    proof.numbers["bits"] = std::to_string(settings_.bits);
    for (InevitableRow& row : answer.rows) row.numbers.insert(proof.numbers.begin(), proof.numbers.end());
    answer.proofs.push_back(std::move(proof));
    if (run_.kinds() > 1) return answer;
    const Family& family = task_.family;
    const PeriodEvaluation::Two limit = run_.limits()[0];
    answer.limit = limit.first;
    answer.limit_sequence = fmt::format("infinitely many copies of {}{}", list_text(family.unit), family.suffix.empty() ? "" : " . " + list_text(family.suffix));
    answer.tail = tail_, answer.tail_from = tail_from_, answer.tail_theorem = "periodic_hull";
    answer.limit_next_token = next_token(task_.model, run_.balls(), limit.first_final);
    return answer;
  }

 private:
  struct End { std::int64_t count; Verdict for_ever; };  // of all n > count

  void close(const std::vector<PeriodEvaluation::Two>& tail) {
    std::vector<std::pair<std::optional<Token>, std::optional<Token>>> tokens(tail.size());
    if (asks_next_tokens(task_.questions))
      for (std::size_t k = 0; k < tail.size(); ++k) tokens[k] = tokens_of(tail[k]);
    for (std::size_t r = 0; r < ends_.size(); ++r) {
      if (ends_[r]) continue;
      std::vector<Verdict> kinds;
      for (std::size_t k = 0; k < tail.size(); ++k)
        kinds.push_back(judge(task_.questions[r], tail[k].first, tail[k].second, tokens[k].first, tokens[k].second, settings_.bits + 32));
      const Verdict for_ever = judge_for_ever(kinds);
      if (for_ever != Verdict::undecided) ends_[r] = End{run_.copies() * run_.kinds(), for_ever};
    }
    tail_ = tail[0].first, tail_from_ = std::to_string(run_.copies() * run_.kinds() + 1);
    radius_ = Magnitude();
    for (const PeriodEvaluation::Two& two : tail)
      for (const BallMatrix* y : {&two.first_final, &two.second_final})
        for (std::size_t i = 0; i < y->rows(); ++i) {
          const Magnitude radius = Magnitude::radius_of((*y)(i, 0));
          if (radius_ < radius) radius_ = radius;
        }
  }

  std::pair<std::optional<Token>, std::optional<Token>> tokens_of(const PeriodEvaluation::Two& two) const {
    return {next_token(task_.model, run_.balls(), two.first_final), next_token(task_.model, run_.balls(), two.second_final)};
  }

  InevitableRow row(std::size_t r) const {
    const InevitableQuestion& question = task_.questions[r];
    const End end = ends_[r] ? *ends_[r] : End{(run_.copies() - 1) * run_.kinds(), Verdict::undecided};
    const auto verdict_at = [&](std::int64_t n) {
      const PeriodEvaluation::Two two = run_.pair(n);
      const auto tokens = question.criterion == Criterion::argmax ? tokens_of(two) : decltype(tokens_of(two))();
      return judge(question, two.first, two.second, tokens.first, tokens.second, settings_.bits + 32);
    };
    std::string open = ends_[r] ? fmt::format("some pairs overflow or are not decided at {} bits", settings_.bits)
                                : fmt::format("{} tokens were not enough at {} bits: the tail is still too wide, or its limit lies on a boundary", run_.tokens(), settings_.bits);
    InevitableRow row = row_from(end.count, verdict_at, end.for_ever, "inevitable_by_kinds", std::move(open));
    if (ends_[r]) row.numbers["tail from"] = std::to_string(end.count + 1);
    return row;
  }

  const InevitableTask& task_;
  PeriodSettings settings_;
  PeriodEvaluation run_;
  std::vector<std::optional<End>> ends_;
  std::optional<CertifiedVector> tail_;  // of the first kind, from tail_from_ on
  std::string tail_from_;
  Magnitude radius_, radius_then_;  // of the last tail; half of what it was
};

}  // namespace

std::optional<std::string> period_refuses(const InevitableTask& task) {
  if (!std::holds_alternative<NoPositions>(task.model.positions)) return "absolute positions: the sequences have no limit";
  if (!eras_refuse(task)) return "a run of one token, which eras serve";
  for (const Layer& layer : task.model.layers) {
    const Attention& a = layer.attention;
    if (a.rotary) return "rotary positions";
    if (a.softcap) return "soft-capped scores";
    if (!a.window && a.alibi.empty()) return "a layer without a window and without slopes";
    const std::size_t widest = std::min(widest_window, task.limits.max_tokens);
    if (a.window && *a.window > widest) return fmt::format("a window of more than {} tokens", widest);
  }
  const Family& family = task.family;
  if (family.kinds() > static_cast<std::int64_t>(most_columns) || PeriodShape(family).columns() > most_columns)
    return fmt::format("more than {} tokens in a period and what follows it", most_columns);
  return std::nullopt;
}

InevitableAnswer by_period(const InevitableTask& task, Progress& progress) {
  InevitableAnswer answer;
  for (int i = 0; i < task.limits.attempts && !answer.decided(); ++i) {
    PeriodSettings settings = settings_for(task, i);
    if (i > 0 && settings.bits > task.limits.max_bits) break;
    settings.bits = std::min(settings.bits, task.limits.max_bits);
    answer.sharpen(Attempt(task, settings, progress).answer());
  }
  return answer;
}

}  // namespace snellen
