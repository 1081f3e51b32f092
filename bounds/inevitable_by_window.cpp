#include "bounds/inevitable_by_window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/family_text.hpp"

namespace snellen {
namespace {

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

bool overflows(const Format& format, const CertifiedVector& vector) {
  const RoundedHull hull(format, vector);
  return bitwise(hull, hull) == Verdict::overflow;
}

Verdict verdict_of(const InevitableQuestion& question, const Evaluation& e, std::size_t i, long bits) {
  const std::size_t a = e.first[i], b = e.second[i];
  switch (question.criterion) {
    case Criterion::bitwise: return bitwise(RoundedHull(*question.format, e.vectors[a]), RoundedHull(*question.format, e.vectors[b]));
    case Criterion::tolerance: return tolerance(distance(*question.metric, e.vectors[a], e.vectors[b], bits), *question.eps);
    default: return argmax(e.next_tokens[a], e.next_tokens[b]);
  }
}

}  // namespace

std::optional<std::string> window_refuses(const InevitableTask& task) {
  if (!std::holds_alternative<NoPositions>(task.model.positions)) return "absolute positions: the sequences have no limit";
  if (task.family.delimiter) return "delimiters between groups";
  if (task.family.pair != Pair::next) return "pairs other than (S_n, S_n+1)";
  const auto reach = window_reach(task.model);
  if (!reach) return "layers without a window";
  if (*reach > static_cast<std::int64_t>(std::min(longest_reach, task.limits.max_tokens))) return fmt::format("windows that reach back over more than {} tokens", std::min(longest_reach, task.limits.max_tokens));
  return std::nullopt;
}

InevitableAnswer by_window(const InevitableTask& task, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const std::int64_t reach = *window_reach(model);
  InevitableAnswer answer;
  const auto unit = static_cast<std::int64_t>(family.unit.size()), suffix = static_cast<std::int64_t>(family.suffix.size());
  const std::int64_t shared = std::max<std::int64_t>(0, (reach + 1 - suffix + unit - 1) / unit);  // least n with n |U| + |Q| >= reach + 1
  const std::int64_t constant_from = std::max(family.from, shared);
  Family below = family;
  below.to = constant_from;
  const FamilyBlock block = family_block(below);
  const bool next_tokens = std::any_of(questions.begin(), questions.end(), [](const auto& q) { return q.criterion == Criterion::argmax; });
  InevitableProof proof;
  proof.theorem = "window_reach";
  proof.hypotheses = {"Every layer has a window and no positions are added to the embeddings.",
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
      row.theorem = proof.theorem;
      if (question.criterion == Criterion::bitwise && overflows(*question.format, e.vectors[e.first.back()])) row.overflow_from = std::to_string(constant_from);
      if (lower < upper || !constant_collapses) row.open = fmt::format("some pairs overflow or are not decided at {} bits", bits);
      row.answer = {std::to_string(lower), std::nullopt, Scope::all, Status::unknown};
      if (constant_collapses) row.answer.upper = std::to_string(upper), row.answer.status = lower == upper ? Status::exact : Status::bracket;
      answer.rows.push_back(std::move(row));
    }
    proof.numbers["bits"] = std::to_string(bits);
    answer.limit = e.vectors[e.first.back()];
    if (next_tokens) answer.limit_next_token = e.next_tokens[e.first.back()];
    if (answer.decided() || bits == limits.max_bits) break;
    if (std::none_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.undecided > 0; })) break;
  }
  proof.numbers["tail from"] = std::to_string(constant_from);
  answer.tail = answer.limit, answer.tail_from = std::to_string(constant_from), answer.tail_theorem = "window_reach";
  answer.limit_sequence = fmt::format("{}^{}{}", list_text(family.unit), constant_from, family.suffix.empty() ? "" : " . " + list_text(family.suffix));
  answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace snellen
