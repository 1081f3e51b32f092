#include "bounds/inevitable_by_response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bounds/family_text.hpp"
#include "bounds/inevitable_again.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/limit_refusals.hpp"
#include "bounds/next_token.hpp"
#include "bounds/rounded_run.hpp"
#include "bounds/work.hpp"
#include "lib/model/decoder.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/late_response.hpp"

namespace snellen {
namespace {

constexpr std::int64_t fewest_tokens = 8192, most_tokens = 32768;  // followed one by one
constexpr std::int64_t tokens_grow = 4;                            // from attempt to attempt
constexpr std::size_t fewest_modes = 2000;                         // with the fewest tokens, whose other bounds are loose
constexpr std::size_t widest = 4096, longest_prefix = 4096;        // what the sums' errors allow for
constexpr double doubles_gain = 200;                               // how much faster doubles meet a token than balls do
constexpr double most_entries = 0x1p26;                             // of all layers' states, in doubles, some four times in memory
constexpr std::size_t at_once = 512;                               // pairs that are judged together
constexpr unsigned longest = 60;                                   // log2 of the largest upper end that is looked for
constexpr long bits = 160;

double work_of_response(const Model& model, double tokens) {
  const LateResponse::Settings settings;
  const double modes = static_cast<double>(settings.most_modes), entries = static_cast<double>(model.width * model.layers.size());
  return work_of_far_tokens(model, tokens, tokens / 2 / doubles_gain) + modes * (tokens + 2 * modes) * entries / doubles_gain;
}

std::int64_t tokens_within(const InevitableTask& task) {
  const double budget = work_of_tokens(task.model, static_cast<double>(task.limits.max_tokens)), entries = static_cast<double>(task.model.width * task.model.layers.size());
  std::int64_t tokens = most_tokens;
  while (tokens > 1 && (work_of_response(task.model, static_cast<double>(tokens)) > budget || static_cast<double>(tokens) * entries > most_entries)) tokens /= tokens_grow;
  return tokens;
}

// What is proved of all pairs n >= from, from token before + from on.
class Late {
 public:
  Late(const InevitableTask& task, const LateResponse& response, const LateStates& states, std::int64_t before)
      : task_(task), response_(response), before_(before), vector_(response.vector(states, task.place == Place::final)), final_(response.vector(states, true)) {}

  Verdict verdict(const InevitableQuestion& question, const Length& from) const {
    if (question.criterion == Criterion::tolerance) {
      BallMatrix step(1, 1);
      arb_add_error_mag(step(0, 0), snellen::from(response_.decays(), vector_.steps[static_cast<std::size_t>(*question.metric)], before_ + from + 1).get());
      return tolerance({Dyadic(), certified_column(response_.balls(), step, 0)[0].upper}, *question.eps);
    }
    return judge_all(question, over(vector_, from), over(final_, from));
  }
  Verdict of_limit(const InevitableQuestion& question) const { return question.criterion == Criterion::tolerance ? Verdict::collapsed : judge_all(question, vector_.limit, final_.limit); }
  const LateResponse::Vector& vector() const { return vector_; }
  const LateResponse::Vector& final() const { return final_; }

 private:
  // Every pair of vectors of a box.
  Verdict judge_all(const InevitableQuestion& question, const BallMatrix& vectors, const BallMatrix& final) const {
    std::optional<Token> token;
    if (question.criterion == Criterion::argmax) token = certified_next_tokens(task_.model, response_.balls(), final)[0];
    const CertifiedVector all = certified_column(response_.balls(), vectors, 0);
    return judge(question, all, all, token, token, bits + 32);
  }
  BallMatrix over(const LateResponse::Vector& vector, const Length& from) const {
    BallMatrix result = vector.limit;
    for (std::size_t i = 0; i < result.rows(); ++i) arb_add_error_mag(result(i, 0), snellen::from(response_.decays(), vector.entries[i], before_ + from).get());
    return result;
  }

  const InevitableTask& task_;
  const LateResponse& response_;
  const Length before_;
  const LateResponse::Vector vector_, final_;
};

// The least n >= first, up to 2^longest, from which `proves` holds; it holds for all larger ones where it holds.
template <class Proves>
std::optional<Length> least(const Length& first, const Proves& proves) {
  if (proves(first)) return first;
  Length open = first, closed = 2 * first;
  while (!proves(closed)) {
    if (closed > Length(1) << longest) return std::nullopt;
    open = closed, closed *= 2;
  }
  while (closed - open > 1) {
    const Length middle = (open + closed) / 2;
    (proves(middle) ? closed : open) = middle;
  }
  return closed;
}

// The last vectors of the tokens that were followed, in balls.
struct Followed {
  std::vector<CertifiedVector> vectors;
  std::vector<std::optional<Token>> next_tokens;
};
Followed followed(const InevitableTask& task, const RoundedRun& run, const BallWorld& balls, std::size_t first, std::size_t count, bool next_tokens) {
  const std::size_t layers = task.model.layers.size(), width = task.model.width;
  BallMatrix x(width, count);
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t i = 0; i < width; ++i) {
      arb_set_d(x(i, c), run.states(layers)[(first + c) * width + i]);
      arb_add_error_mag(x(i, c), magnitude_of(run.errors(layers)[first + c]).get());
    }
  const BallMatrix y = Decoder<BallWorld>(task.model, balls).final(x);
  Followed result;
  for (std::size_t c = 0; c < count; ++c) result.vectors.push_back(certified_column(balls, task.place == Place::final ? y : x, c));
  if (next_tokens) result.next_tokens = certified_next_tokens(task.model, balls, y);
  else result.next_tokens.resize(count);
  return result;
}

// A row on its way down from the longest pairs that were followed.
struct Descent {
  Length upper;
  bool proved = false, found = false;
  std::int64_t lower = 1, undecided = 0;
};

InevitableAnswer attempt(const InevitableTask& task, std::int64_t tokens, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const auto before = static_cast<std::int64_t>(family.prefix.size());
  const std::size_t layers = model.layers.size();
  progress.begin(fmt::format("the run in doubles, {} tokens", tokens), (layers + 1) * static_cast<std::size_t>((tokens + 1023) / 1024));
  const RoundedRun run(model, family.prefix, family.unit[0], static_cast<std::size_t>(tokens), progress);
  progress.begin(fmt::format("linear response beyond {} tokens", tokens), layers + 1);
  std::vector<std::span<const double>> states, errors;
  for (std::size_t l = 0; l < layers; ++l) states.push_back(run.states(l)), errors.push_back(run.errors(l));
  LateResponse::Settings settings;
  if (tokens <= fewest_tokens) settings.most_modes = fewest_modes;
  const LateResponse response(model, family.unit[0], family.prefix.size(), tokens, states, errors, settings, bits);
  progress.step();
  LateStates x = response.embedded();
  for (std::size_t l = 0; l < layers; ++l) {
    x = response.layer(l, x);
    progress.step();
  }
  const Late late(task, response, x, before);
  InevitableProof proof;
  proof.hypotheses = {
      "All layers see everything, with the same rotary positions and without soft-caps, ALiBi, norms of heads and norms within branches; no positions are added to the embeddings; the run is of one token and has no suffix.",
      "Only finite enclosures are used: where a mass is not bounded away from 0, or a norm's argument is not proved positive, the bound is infinite and proves nothing."};
  proof.numbers = {{"tokens followed one by one", std::to_string(tokens)}, {"modes", std::to_string(response.modes().count())}, {"bits", std::to_string(bits)}};
  InevitableAnswer answer;
  answer.rows.resize(questions.size());
  // Token `tokens` is the first late one, and the last that was followed.
  const Length first = tokens - before;
  std::vector<Descent> descents(questions.size());
  for (std::size_t r = 0; r < questions.size(); ++r) {
    InevitableRow& row = answer.rows[r];
    row.theorem = questions[r].criterion == Criterion::tolerance ? "inevitable_by_steps" : "inevitable_by_majorant", row.numbers = proof.numbers;
    const Verdict limit = late.of_limit(questions[r]);
    if (limit == Verdict::undecided) {
      row.open = fmt::format("at {} bits the limit itself cannot be judged: it lies on a boundary, or too near to one", bits);
      continue;
    }
    const auto end = least(first, [&, &asked = questions[r]](const Length& n) { return late.verdict(asked, n) == limit; });
    if (!end) row.open = fmt::format("what is left of the later tokens beyond {} is too wide at every length that was tried", tokens);
    else if (limit == Verdict::overflow) row.overflow_from = end->str();
    else row.answer.upper = end->str(), descents[r].upper = *end, descents[r].proved = *end == first;
    if (row.answer.upper) row.numbers["from this length on by linear response"] = *row.answer.upper;
  }
  // Pairs n = tokens - before - 1, ..., 1.
  const bool next_tokens = asks_next_tokens(questions);
  const BallWorld balls(bits);
  std::int64_t top = tokens - before - 1;
  progress.begin(fmt::format("pairs up to {} tokens", tokens), static_cast<std::size_t>(top) / at_once + 1);
  while (top >= 1 && std::any_of(descents.begin(), descents.end(), [](const Descent& d) { return !d.found; })) {
    const std::int64_t bottom = std::max<std::int64_t>(1, top - static_cast<std::int64_t>(at_once) + 1);
    const Followed here = followed(task, run, balls, static_cast<std::size_t>(before + bottom - 1), static_cast<std::size_t>(top - bottom + 2), next_tokens);
    for (std::size_t r = 0; r < questions.size(); ++r) {
      Descent& d = descents[r];
      for (std::int64_t n = top; n >= bottom && !d.found; --n) {
        const auto i = static_cast<std::size_t>(n - bottom);
        const Verdict verdict = judge(questions[r], here.vectors[i], here.vectors[i + 1], here.next_tokens[i], here.next_tokens[i + 1], bits + 32);
        if (verdict == Verdict::collapsed && d.proved) d.upper = n;
        if (verdict != Verdict::collapsed) d.proved = false;
        if (verdict == Verdict::distinct) d.lower = n + 1, d.found = true;
        else if (verdict != Verdict::collapsed) ++d.undecided;
      }
    }
    top = bottom - 1;
    progress.step();
  }
  for (std::size_t r = 0; r < questions.size(); ++r) {
    InevitableRow& row = answer.rows[r];
    const Descent& d = descents[r];
    row.undecided = d.undecided;
    row.answer = {std::to_string(d.lower), row.answer.upper ? std::optional(d.upper.str()) : std::nullopt, Scope::all, Status::unknown};
    if (row.answer.upper) row.answer.status = d.upper == d.lower ? Status::exact : Status::bracket;
    if (!row.decided() && row.open.empty())
      row.open = fmt::format("beyond {} tokens an upper end follows from 2-norms, {:.3g} times the lower one; pairs further out are not looked at one by one", tokens,
                             static_cast<double>(d.upper) / static_cast<double>(d.lower));
  }
  answer.limit = certified_column(response.balls(), late.vector().limit, 0);
  answer.limit_sequence = list_text(family.unit);
  if (next_tokens) answer.limit_next_token = certified_next_tokens(model, response.balls(), late.final().limit)[0];
  for (const char* theorem : {"inevitable_by_majorant", "inevitable_by_steps"}) {
    proof.theorem = theorem;
    if (std::any_of(answer.rows.begin(), answer.rows.end(), [&](const InevitableRow& row) { return row.theorem == theorem; })) answer.proofs.push_back(proof);
  }
  return answer;
}

}  // namespace

std::optional<std::string> response_refuses(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (auto why = limit_refuses(task)) return why;
  if (family.unit.size() != 1) return "a unit of several tokens";
  if (!family.suffix.empty()) return "a suffix";
  if (model.layers.size() < 2) return "a single layer";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    const std::optional<Rotary>& same = model.layers[0].attention.rotary;
    if (!a.rotary) return "a layer without rotary positions";
    if (a.rotary->base != same->base || a.rotary->dimensions != same->dimensions) return "layers with different frequencies";
    if (a.head_size > widest) return fmt::format("heads of more than {} entries", widest);
    if (a.window) return "windows";
    if (a.softcap) return "soft-caps";
    if (!a.alibi.empty()) return "ALiBi";
    if (layer.query_norm || layer.key_norm) return "norms of queries and keys";
    if (layer.post_attention_norm || layer.post_mlp_norm) return "norms within branches";
    if (layer.up && !(activation_bounds(layer.activation).curvature < std::numeric_limits<double>::infinity())) return "an activation without a Lipschitz derivative";
  }
  if (RotaryFrequencies(*model.layers[0].attention.rotary).planes() > RotaryModes::most_planes) return fmt::format("more than {} planes of rotation", RotaryModes::most_planes);
  if (model.width > widest) return fmt::format("a width of more than {}", widest);
  if (family.prefix.size() > longest_prefix) return fmt::format("a prefix of more than {} tokens", longest_prefix);
  if (tokens_within(task) < fewest_tokens) return "the budget allows too few tokens of the run";
  return std::nullopt;
}

InevitableAnswer by_response(const InevitableTask& task, Progress& progress) {
  const std::int64_t most = tokens_within(task);
  std::int64_t tokens = std::min(most, fewest_tokens);
  InevitableAnswer answer = attempt(task, tokens, progress);
  while (!answer.decided() && tokens < most) {
    tokens = std::min(most, tokens * tokens_grow);
    ask_open_rows(task, answer, [&](const InevitableTask& again) { return attempt(again, tokens, progress); });
  }
  return answer;
}

}  // namespace snellen
