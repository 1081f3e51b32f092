#include "bounds/sensitivity.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/family_text.hpp"
#include "bounds/forward_pass.hpp"
#include "bounds/next_token.hpp"
#include "bounds/over_squashing.hpp"
#include "bounds/reverse_sweep.hpp"
#include "lib/number/ball_enclosure.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/ball_slopes.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long sweep_guard = 48;           // bits of the sweep beyond the accuracy of the states
constexpr long bits_a_layer = 9;           // that cotangents are expected to lose
constexpr long norm_bits = 128;            // of norms, and of the facts about attention
constexpr std::size_t batch_balls = 3'000'000;  // that the widest block of one batch may take
constexpr std::size_t whole_width = 128;   // up to which all of J is the default

// What is differentiated: e_d for every coordinate d, or one row of the unembedding (less another) times the soft-cap's slope.
class Outputs {
 public:
  Outputs(const Model& model, Output of, std::optional<Token> token, std::optional<Token> against) : model_(model), of_(of) {
    if (of == Output::vector) return;
    rows_.push_back(read(*token)), tokens_.push_back(*token);
    if (against) rows_.push_back(read(*against)), tokens_.push_back(*against);
  }

  std::size_t count() const { return of_ == Output::vector ? model_.width : 1; }

  // Directions [begin, end) at one column of y.
  Cotangents seeds(const BallMatrix& y, std::size_t column, std::size_t begin, std::size_t end, long bits) const {
    Cotangents result{{}, BallMatrix(model_.width, end - begin)};
    for (std::size_t d = begin; d < end; ++d) result.slots.push_back({d, column});
    if (of_ == Output::vector) {
      for (std::size_t d = begin; d < end; ++d) arb_one(result.values(d, d - begin));
      return result;
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      Ball slope, t;
      arb_one(slope);
      if (model_.logit_softcap) {
        plain_logit(slope, y, column, r, bits);
        apply_softcap_slope(slope, slope, *model_.logit_softcap, bits);
      }
      if (r == 1) arb_neg(slope, slope);
      for (std::size_t i = 0; i < model_.width; ++i) {
        arb_set_d(t, rows_[r][i]);
        arb_addmul(result.values(i, 0), t, slope, bits);
      }
    }
    return result;
  }

  // Of the vector: none.
  std::optional<Enclosure> value(const BallMatrix& y, std::size_t column, long bits) const {
    if (of_ == Output::vector) return std::nullopt;
    Ball sum, logit;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      plain_logit(logit, y, column, r, bits);
      if (model_.logit_softcap) apply_softcap(logit, logit, *model_.logit_softcap, bits);
      r == 0 ? arb_set(sum, logit) : arb_sub(sum, sum, logit, bits);
    }
    return enclosure_of(sum, bits);
  }

  // At least the 2-norm of d output / d y: the soft-cap's slope is at most 1.
  Magnitude norm() const {
    if (of_ == Output::vector) return Magnitude::of(1);
    Magnitude result;
    for (std::size_t r = 0; r < (model_.logit_softcap ? rows_.size() : 1); ++r) {
      Ball sum, t;
      for (std::size_t i = 0; i < model_.width; ++i) {
        arb_set_d(t, rows_[r][i]);
        Ball other;
        if (!model_.logit_softcap && rows_.size() == 2) arb_set_d(other, rows_[1][i]);
        arb_sub(t, t, other, norm_bits);
        arb_addmul(sum, t, t, norm_bits);
      }
      arb_sqrt(sum, sum, norm_bits);
      result += Magnitude::of(sum);
    }
    return result;
  }

 private:
  std::vector<double> read(Token token) const {
    std::vector<double> row(model_.width);
    model_.unembedding.weight->read_row(static_cast<std::size_t>(token), row);
    return row;
  }
  // Before the soft-cap.
  void plain_logit(arb_ptr result, const BallMatrix& y, std::size_t column, std::size_t r, long bits) const {
    Ball t;
    arb_zero(t);
    Ball sum;
    for (std::size_t i = 0; i < model_.width; ++i) {
      arb_set_d(t, rows_[r][i]);
      arb_addmul(sum, t, y(i, column), bits);
    }
    if (model_.unembedding.bias) {
      arb_set_d(t, read_all(*model_.unembedding.bias)[static_cast<std::size_t>(tokens_[r])]);
      arb_add(sum, sum, t, bits);
    }
    arb_set(result, sum);
  }

  const Model& model_;
  Output of_;
  std::vector<std::vector<double>> rows_;
  std::vector<Token> tokens_;
};

// The batches of one row: all directions at one column, as many at a time as memory should hold.
void append_batches(std::vector<Cotangents>& batches, const Outputs& outputs, const Model& model, const BallMatrix& y, std::size_t column, long bits) {
  std::size_t widest = model.width;
  for (const Layer& layer : model.layers) {
    widest = std::max(widest, layer.attention.heads * layer.attention.head_size);
    if (layer.up) widest = std::max(widest, layer.up->weight->rows());
  }
  const std::size_t at_once = std::max<std::size_t>(1, batch_balls / (widest * (column + 1)));
  for (std::size_t begin = 0; begin < outputs.count(); begin += at_once)
    batches.push_back(outputs.seeds(y, column, begin, std::min(outputs.count(), begin + at_once), bits));
}

// J_{column,i} [outputs, width] for i = 0, ..., column, from the batches of one row.
std::vector<BallMatrix> jacobians(std::span<const Cotangents> batches, std::size_t column, std::size_t outputs, std::size_t width) {
  std::vector<BallMatrix> result;
  for (std::size_t i = 0; i <= column; ++i) result.emplace_back(outputs, width);
  for (const Cotangents& batch : batches)
    parallel_for(width, [&](std::size_t k) {
      for (std::size_t s = 0; s < batch.size(); ++s) arb_set(result[batch.slots[s].column](batch.slots[s].direction, k), batch.values(k, s));
    });
  return result;
}

std::vector<MatrixNorms> norms_of(const std::vector<BallMatrix>& matrices) {
  std::vector<MatrixNorms> result(matrices.size());
  parallel_for(matrices.size(), [&](std::size_t i) { result[i] = matrix_norms(matrices[i], norm_bits); });
  return result;
}

// Bits of a non-negative number that are known: infinite for a point.
double known_bits(const Enclosure& x) {
  if (!x.is_finite()) return -INFINITY;
  Dyadic width(64);
  mpfr_sub(width.get(), x.upper.get(), x.lower.get(), MPFR_RNDU);
  if (mpfr_zero_p(width.get())) return INFINITY;
  long width_exponent = 0, exponent = 0;
  const double w = mpfr_get_d_2exp(&width_exponent, width.get(), MPFR_RNDU), v = mpfr_get_d_2exp(&exponent, x.upper.get(), MPFR_RNDU);
  return std::log2(v) - std::log2(w) + static_cast<double>(exponent - width_exponent);
}

double least_known_bits(const std::vector<MatrixNorms>& norms) {
  double least = INFINITY;
  for (const MatrixNorms& n : norms) least = std::min(least, known_bits(n.frobenius));
  return least;
}

// The columns of the heat map: evenly spread, the last one among them.
std::vector<std::size_t> heat_columns(std::size_t tokens, std::size_t rows) {
  std::vector<std::size_t> result;
  rows = std::min(rows, tokens);
  for (std::size_t r = 1; r <= rows; ++r) result.push_back((r * tokens + rows - 1) / rows - 1);
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::vector<Dyadic> scaled_row(const std::vector<Magnitude>& bounds, std::size_t tokens, std::size_t column, const Magnitude& factor) {
  std::vector<Dyadic> result;
  for (std::size_t i = 0; i <= column; ++i) result.push_back(upper_of(bounds[column * tokens + i] * factor));
  return result;
}

Token certified_token(const Model& model, const BallMatrix& y, std::size_t column, long bits) {
  const BallWorld world(bits);
  const std::size_t chosen[] = {column};
  const auto next = certified_next_tokens(model, world, world.select(y, chosen));
  if (!next[0]) throw InputError("sensitivity.token", "missing, and the next token cannot be certified at " + std::to_string(bits) + " bits; expected a token id");
  return *next[0];
}

// What is certified, for certificates and pages.
std::vector<Claim> claims_of(const Sensitivity& s) {
  const std::string what = s.of == Output::vector ? "J_{n,i} = d y_n / d x_i(0)" : "the gradient of " + s.output + " with respect to x_i(0)";
  std::map<std::string, std::string> numbers = {{"tokens", std::to_string(s.tokens.size())}, {"bits", std::to_string(s.precision_bits)}};
  std::vector<Claim> claims = {
      {"sensitivity.norms", "Every norm of " + what + " is enclosed, for every i, the derivative of attention's weights included.", "softmax_mean_derivative", Scope::horizon, numbers,
       {"the chain rule, step by step, at balls that contain the exact states"}},
      {"sensitivity.influence", "The 2-norm of " + what + " is at most own_bound, for every i.", "influence_bound", Scope::horizon, numbers,
       {"the bounds of each layer's blocks at the states that occur: proofs/norms.md and proofs/sensitivity.md"}}};
  if (s.run.refused.empty()) {
    claims.push_back({"sensitivity.run", "For every t >= from and every earlier token i, |J_{t,i}|_2 is at most constant (1 + H_t)^(layers - 1) / t, H_t = 1 + 1/2 + ... + 1/t.",
                      "sensitivity_fades", Scope::all,
                      {{"from", std::to_string(s.run.from)}, {"layers", std::to_string(s.run.layers)}, {"constant", s.run.constant.decimal(6, MPFR_RNDU)},
                       {"own", s.run.own.decimal(6, MPFR_RNDU)}, {"other", s.run.other.decimal(6, MPFR_RNDU)}},
                      {"a run of one token without a suffix, no positions or rotary ones, no window",
                       "own and other bound the blocks of every layer at every token: the first ones evaluated, all later ones in one world"}});
  }
  if (s.not_the_papers.empty()) {
    claims.push_back({"sensitivity.paper", "theorem_5_1 is the bound of the paper's Theorem 5.1 for changes that leave attention's weights and the norms' factors as they are.", "over_squashing",
                      Scope::horizon, numbers, {"attention's weights are constants", "the norms divide by constants, the least root of a token that occurs"}});
  }
  return claims;
}

std::string token_text(Token token) { return "token " + std::to_string(token); }

std::string output_text(const Sensitivity& s) {
  if (s.of == Output::vector) return std::string("the last token's vector ") + (s.at == "final" ? "after" : "before") + " the final norm";
  return "the logit of " + token_text(*s.token) + (s.against ? " less that of " + token_text(*s.against) : "");
}

}  // namespace

std::optional<Problem> problem_of(const SensitivityRequest& r, const Family& family, const Model& model) {
  const std::int64_t longest = family.pair == Pair::next ? family.to + 1 : family.to;
  if (r.length && (*r.length < family.from || *r.length > longest)) {
    return Problem{"length", "found " + std::to_string(*r.length) + ", expected one of the case's sequences: " + std::to_string(family.from) + " to " + std::to_string(longest)};
  }
  if (r.against && r.of == Output::vector) return Problem{"against", "found a token beside of = \"vector\", expected of = \"logit\""};
  if (r.token && r.of == Output::vector) return Problem{"token", "found a token beside of = \"vector\", expected of = \"logit\""};
  for (const auto& [key, token] : {std::pair("token", r.token), std::pair("against", r.against)})
    if (token && (*token < 0 || *token >= static_cast<Token>(model.vocabulary)))
      return Problem{key, "found token " + std::to_string(*token) + ", expected token ids from 0 to " + std::to_string(model.vocabulary - 1)};
  if (r.token && r.token == r.against) return Problem{"against", "found the same token as token, expected another one"};
  return std::nullopt;
}

Sensitivity sensitivity(const Model& model, const CertifyRequest& request, const SensitivityRequest& question, Progress& progress) {
  if (const auto problem = problem_of(question, request.family, model)) throw InputError("sensitivity." + problem->key, problem->description);
  Sensitivity result;
  result.title = request.title, result.case_name = request.case_name, result.family = family_text(request.family);
  result.model_source = model.source, result.model_architecture = model.architecture, result.model_sha256 = model.sha256;
  result.layers = model.layers.size(), result.width = model.width;
  for (const Layer& layer : model.layers) result.heads = std::max(result.heads, layer.attention.heads);
  result.length = question.length.value_or(request.family.to);
  result.of = question.of.value_or(question.token || question.against || model.width > whole_width ? Output::logit : Output::vector);
  result.at = request.at == Place::final ? "final" : "hidden";
  result.token = question.token, result.against = question.against;
  const Place place = result.of == Output::logit ? Place::final : request.at;

  const std::vector<Token> sequence = request.family.sequence(result.length);
  const SequenceTree tree(sequence);
  const std::vector<Column>& columns = tree.columns();
  const std::size_t tokens = columns.size(), last = tokens - 1;
  result.not_the_papers = not_the_papers_model(model);

  ForwardPass pass;
  std::vector<MatrixNorms> norms;
  long sweep_bits = 0;
  std::optional<Outputs> outputs;
  std::vector<std::shared_ptr<const AttentionStep>> steps(result.not_the_papers.empty() ? model.layers.size() : 0);
  // Bits of the states beyond those asked for: what a layer loses, as the bound "Influence" says of real models; more if that was not enough.
  for (long accuracy = 64 + bits_a_layer * static_cast<long>(result.layers), given = request.start_bits.value_or(0);;) {
    const long wanted = given > 0 ? std::exchange(given, 0) : predict_bits(model, columns, accuracy);
    const long bits = std::min(wanted, request.max_bits);
    pass = forward_pass(model, columns, place, bits, progress);
    sweep_bits = std::min(accuracy, bits) + sweep_guard;
    if (result.of == Output::logit && !result.token) {
      result.token = certified_token(model, pass.y, last, bits);
      if (result.token == result.against) throw InputError("sensitivity.against", "found token " + std::to_string(*result.against) + ", which is the next token itself; expected another one");
    }
    if (!outputs) outputs.emplace(model, result.of, result.token, result.against);
    std::vector<Cotangents> batches;
    append_batches(batches, *outputs, model, pass.y, last, sweep_bits);
    result.by_layer.assign(model.layers.size(), LayerFacts());
    batches = reverse_sweep(model, columns, pass.states, pass.blocks, place, std::move(batches), sweep_bits, progress, [&](std::size_t l, const Tape& tape) {
      result.by_layer[l] = {attention_facts(*tape.attentions.at(0), last, norm_bits), effective_rank(pass.states[l], tokens, norm_bits)};
      if (!steps.empty()) steps[l] = tape.attentions[0];
    });
    const std::vector<BallMatrix> matrices = jacobians(batches, last, outputs->count(), model.width);
    norms = norms_of(matrices);
    result.gradient.clear();
    for (std::size_t i = 0; result.of == Output::logit && i < tokens; ++i) {
      std::vector<Enclosure>& row = result.gradient.emplace_back();
      for (std::size_t k = 0; k < model.width; ++k) row.push_back(enclosure_of(matrices[i](0, k), norm_bits));
    }
    result.precision_bits = bits, result.accurate_bits = least_known_bits(norms);
    result.undecided = result.accurate_bits < asked_bits;
    if (!result.undecided || bits >= request.max_bits) break;
    // A norm whose lower end is zero has lost everything, and does not say how much more.
    accuracy += result.accurate_bits > 1 ? 24 + static_cast<long>(std::ceil(asked_bits - result.accurate_bits)) : accuracy / 2;
  }
  result.output = output_text(result);
  result.outputs = outputs->count();
  result.value = outputs->value(pass.y, last, result.precision_bits);
  result.last_rank = effective_rank(pass.states.back(), tokens, norm_bits);

  const Magnitude factor = outputs->norm();
  const std::vector<Dyadic> own = scaled_row(pass.reach.moving, tokens, last, factor), frozen = scaled_row(pass.reach.frozen, tokens, last, factor);
  std::vector<Dyadic> paper;
  if (result.not_the_papers.empty()) paper = scaled_row(papers_bound(model, steps, pass.states, place == Place::final), tokens, last, factor);
  for (std::size_t i = 0; i < tokens; ++i)
    result.tokens.push_back({sequence[i], norms[i], paper.empty() ? std::nullopt : std::optional(paper[i]), frozen[i], own[i]});

  result.run = run_fading(model, request.family, place, factor, progress);
  result.claims = claims_of(result);

  // The heat map: a second walk with the other rows; the last one is there already.
  std::vector<Cotangents> batches;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  const std::vector<std::size_t> heat = heat_columns(tokens, question.rows);
  for (const std::size_t column : heat) {
    const std::size_t begin = batches.size();
    if (column != last) append_batches(batches, *outputs, model, pass.y, column, sweep_bits);
    ranges.emplace_back(begin, batches.size());
  }
  if (!batches.empty()) batches = reverse_sweep(model, columns, pass.states, pass.blocks, place, std::move(batches), sweep_bits, progress);
  for (std::size_t r = 0; r < heat.size(); ++r) {
    const auto [begin, end] = ranges[r];
    const std::vector<MatrixNorms> of_row =
        heat[r] == last ? norms : norms_of(jacobians(std::span(batches).subspan(begin, end - begin), heat[r], outputs->count(), model.width));
    SensitivityRow row{heat[r], {}, scaled_row(pass.reach.moving, tokens, heat[r], factor)};
    for (const MatrixNorms& n : of_row) row.two.push_back(n.two);
    result.rows.push_back(std::move(row));
  }
  return result;
}

}  // namespace snellen
