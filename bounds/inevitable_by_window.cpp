#include "bounds/inevitable_by_window.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/family_text.hpp"
#include "bounds/inevitable_pairs.hpp"

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

// The pairs to evaluate: every n < settled, and one n of each kind from there on.
struct Lengths {
  std::int64_t reach, settled, kinds;
  Lengths(const Model& model, const Family& family) : reach(*window_reach(model)), settled(1), kinds(family.kinds()) {
    // The last reach + 1 tokens of S_n are tokens of the run and the suffix.
    while (family.run_length(settled) + static_cast<std::int64_t>(family.suffix.size()) < reach + 1) ++settled;
  }
  Family evaluated(Family family) const {
    family.from = 1, family.to = settled + kinds - 1;
    return family;
  }
};

// Both sequences end in the same `count` tokens.
bool share_last(const std::vector<Token>& a, const std::vector<Token>& b, std::int64_t count) {
  const auto n = static_cast<std::ptrdiff_t>(count);
  return std::ssize(a) >= n && std::ssize(b) >= n && std::equal(a.end() - n, a.end(), b.end() - n);
}

}  // namespace

std::optional<std::string> window_refuses(const InevitableTask& task) {
  if (!std::holds_alternative<NoPositions>(task.model.positions)) return "absolute positions: the sequences have no limit";
  const auto reach = window_reach(task.model);
  if (!reach) return "layers without a window";
  const auto most = static_cast<std::int64_t>(std::min(longest_reach, task.limits.max_tokens));
  if (*reach > most) return fmt::format("windows that reach back over more than {} tokens", most);
  if (task.family.kinds() > most) return fmt::format("delimiters with a period of more than {} lengths", most);
  if (problem_of(Lengths(task.model, task.family).evaluated(task.family))) return "more tokens below the windows' reach than can be evaluated";
  return std::nullopt;
}

InevitableAnswer by_window(const InevitableTask& task, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const Lengths lengths(model, family);
  const Family evaluated = lengths.evaluated(family);
  const FamilyBlock block = family_block(evaluated);
  const auto below = static_cast<std::size_t>(lengths.settled - 1);
  std::vector<bool> equal;  // of each kind
  for (std::int64_t n = lengths.settled; n <= evaluated.to; ++n) equal.push_back(share_last(family.first(n), family.second(n), lengths.reach + 1));

  InevitableAnswer answer;
  InevitableProof proof;
  proof.theorem = "window_kinds";
  proof.hypotheses = {"Every layer has a window and no positions are added to the embeddings.",
                      fmt::format("The last vector depends on the last {} tokens alone; from n = {} on these are tokens of the run and the suffix, "
                                  "the same for all n that are equal modulo {}.", lengths.reach + 1, lengths.settled, lengths.kinds)};
  for (long bits = std::min(limits.max_bits, predict_bits(model, block.columns, 64));; bits = std::min(limits.max_bits, 2 * bits)) {
    const Evaluation e = evaluate(model, block, place, asks_next_tokens(questions), bits, progress);
    const auto token = [&](std::size_t vector) { return e.next_tokens.empty() ? std::nullopt : e.next_tokens[vector]; };
    answer.rows.clear();
    bool open = false;
    for (const InevitableQuestion& question : questions) {
      const auto verdict_at = [&](std::int64_t n) {
        const auto i = static_cast<std::size_t>(n - 1);
        const std::size_t a = e.first[i], b = e.second[i];
        if (i >= below && equal[i - below]) return judge_equal(question, e.vectors[a], token(a));
        return judge(question, e.vectors[a], e.vectors[b], token(a), token(b), bits + 32);
      };
      std::vector<Verdict> kinds;
      for (std::int64_t n = lengths.settled; n <= evaluated.to; ++n) kinds.push_back(verdict_at(n));
      const Verdict for_ever = judge_for_ever(kinds);
      answer.rows.push_back(row_from(lengths.settled - 1, verdict_at, for_ever, proof.theorem, fmt::format("some pairs overflow or are not decided at {} bits", bits)));
      open = open || answer.rows.back().undecided > 0 || std::find(kinds.begin(), kinds.end(), Verdict::undecided) != kinds.end();
    }
    proof.numbers["bits"] = std::to_string(bits);
    if (lengths.kinds == 1) answer.limit = e.vectors[e.first.back()], answer.limit_next_token = token(e.first.back());
    if (!open || bits == limits.max_bits) break;
  }
  proof.numbers["tail from"] = std::to_string(lengths.settled);
  proof.numbers["kinds"] = std::to_string(lengths.kinds);
  if (lengths.kinds == 1) {
    answer.tail = answer.limit, answer.tail_from = std::to_string(lengths.settled), answer.tail_theorem = proof.theorem;
    answer.limit_sequence = fmt::format("{}^{}{}", list_text(family.unit), lengths.settled, family.suffix.empty() ? "" : " . " + list_text(family.suffix));
  }
  answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace snellen
