#include "bounds/inevitable_by_norms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bounds/family_text.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/limit_refusals.hpp"
#include "bounds/next_token.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/run_norms.hpp"

namespace snellen {
namespace {

constexpr unsigned longest = 1u << 22;  // log2 of the largest upper end that is written down
constexpr unsigned digits = 6;          // binary ones, of an upper end

// What one evaluation says of every n.
class Bounds {
 public:
  Bounds(const InevitableTask& task, long bits, Progress& progress) : task_(task), world_(bits, task.family.prefix.size()) {
    const Decoder<RunNorms> decoder(task.model, world_);
    std::vector<Column> columns{{task.family.unit[0], 0, 0, 0}};
    for (const Token token : task.family.prefix) columns.push_back({token, 0, 0, 0});
    x_ = decoder.hidden(columns, memory_, [&](std::size_t layer, const RunNormsBlock&) {
      if (layer > 0) progress.step();
    });
    y_ = decoder.final(x_);
  }

  const RunNormsBlock& vector() const { return task_.place == Place::final ? y_ : x_; }
  const RunNormsBlock& final() const { return y_; }
  const RunNorms& world() const { return world_; }
  const Decoder<RunNorms>::Memory& memory() const { return memory_; }

  // Of the pairs of any two vectors that are as near to the limit as those from n on.
  Verdict from(const InevitableQuestion& question, const Length& n) const { return verdict(question, world_.from(vector(), n), world_.from(y_, n)); }
  Verdict of_limit(const InevitableQuestion& question) const { return verdict(question, vector().limit, y_.limit); }

 private:
  Verdict verdict(const InevitableQuestion& question, const BallMatrix& vectors, const BallMatrix& final) const {
    std::optional<Token> token;
    if (question.criterion == Criterion::argmax) token = certified_next_tokens(task_.model, world_.balls(), final)[0];
    const CertifiedVector all = certified_column(world_.balls(), vectors, 0);
    return judge(question, all, all, token, token, world_.balls().bits() + 32);
  }

  const InevitableTask& task_;
  RunNorms world_;
  Decoder<RunNorms>::Memory memory_;
  RunNormsBlock x_, y_;
};

// An N from which `proves` holds, N = m 2^k with m of few digits and nearly the least; none up to 2^longest. It holds for all larger ones where it holds.
template <class Proves>
std::optional<Length> near_least(const Proves& proves) {
  unsigned open = 0, closed = 1;
  if (proves(1)) return 1;
  while (!proves(Length(1) << closed)) {
    if (closed >= longest) return std::nullopt;
    open = closed, closed *= 2;
  }
  while (closed - open > 1) {
    const unsigned middle = (open + closed) / 2;
    (proves(Length(1) << middle) ? closed : open) = middle;
  }
  Length low = Length(1) << open, high = Length(1) << closed;
  for (unsigned i = 0; i < digits && high - low > 1; ++i) {
    const Length middle = (low + high) / 2;
    (proves(middle) ? high : low) = middle;
  }
  return high;
}

InevitableAnswer attempt(const InevitableTask& task, long bits, Progress& progress) {
  progress.begin(fmt::format("every n by norms, {} bits", bits), task.model.layers.size());
  const Bounds bounds(task, bits, progress);
  InevitableAnswer answer;
  InevitableProof proof;
  proof.theorem = "inevitable_by_majorant";
  proof.hypotheses = {"No positions are added to the embeddings, no layer without a window has ALiBi, and the run is of one token: the vectors have a limit.",
                      "Only finite enclosures are used: where a norm is not known, the bound is infinite and proves nothing."};
  Magnitude score;
  std::size_t worst = 0;
  for (std::size_t l = 0; l < bounds.memory().size(); ++l)
    if (score < bounds.memory()[l].score) score = bounds.memory()[l].score, worst = l;
  proof.numbers = {{"bits", std::to_string(bits)},
                   {"no score exceeds", fmt::format("{:.4g}", std::exp2(score.log2()))},
                   {"in layer", std::to_string(worst + 1)},
                   {"log2 of n times how far the vector may be from its limit, before logarithms", fmt::format("{:.4g}", bounds.world().coefficient(bounds.vector()).log2())}};
  for (const InevitableQuestion& question : task.questions) {
    InevitableRow row;
    row.answer = {"1", std::nullopt, Scope::all, Status::unknown};
    row.theorem = proof.theorem, row.numbers = proof.numbers;
    const Verdict limit = bounds.of_limit(question);
    if (limit == Verdict::undecided) {
      row.open = fmt::format("at {} bits the limit itself cannot be judged: it lies on a boundary, or too near to one", bits);
    } else {
      const auto end = near_least([&](const Length& n) { return bounds.from(question, n) == limit; });
      if (end && limit == Verdict::collapsed) row.answer.upper = end->str(), row.answer.status = *end == 1 ? Status::exact : Status::bracket;
      if (end && limit == Verdict::overflow) row.overflow_from = end->str();
      if (!row.decided()) row.open = end ? fmt::format("the upper end rests on norms alone: no score exceeds {:.4g}, and each layer may weigh one token by the exponential of twice that", std::exp2(score.log2()))
                                         : fmt::format("by norms alone the upper end is beyond 2^{}", longest);
    }
    answer.rows.push_back(std::move(row));
  }
  answer.limit = certified_column(bounds.world().balls(), bounds.vector().limit, 0);
  if (asks_next_tokens(task.questions)) answer.limit_next_token = certified_next_tokens(task.model, bounds.world().balls(), bounds.final().limit)[0];
  answer.limit_sequence = list_text(task.family.unit);
  answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace

std::optional<std::string> norms_refuse(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (auto why = limit_refuses(task)) return why;
  if (family.unit.size() != 1) return "a unit of several tokens";
  if (!family.suffix.empty()) return "a suffix";
  for (const Layer& layer : model.layers)
    if (!layer.attention.window && !layer.attention.alibi.empty()) return "ALiBi without a window";
  return std::nullopt;
}

InevitableAnswer by_norms(const InevitableTask& task, Progress& progress) {
  InevitableAnswer answer;
  const long layers = static_cast<long>(task.model.layers.size());
  for (int i = 0; i < task.limits.attempts; ++i) {
    const long bits = 96 + (i + 1) * 16 * layers;
    if (i > 0 && bits > task.limits.max_bits) break;
    answer.sharpen(attempt(task, std::min(bits, task.limits.max_bits), progress));
    if (std::all_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.answer.upper || row.overflow_from; })) break;
  }
  return answer;
}

}  // namespace snellen
