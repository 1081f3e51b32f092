#include "bounds/validation/growth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bounds/evaluate.hpp"
#include "lib/model/decoder.hpp"
#include "lib/number/flint_caches.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/euclidean.hpp"
#include "lib/world/image_arithmetic.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr slong working_bits = 128;
constexpr Token no_token = -1;

Ball ball_of(const Enclosure& x) {
  Ball result;
  if (!x.is_finite()) arb_indeterminate(result);
  else arb_set_interval_mpfr(result, x.lower.get(), x.upper.get(), working_bits);
  return result;
}

arf_srcptr middle_of(arb_srcptr x) { return arb_midref(x); }

CertifiedError ends_of(const Ball& x) {
  if (!arb_is_finite(x)) return {-infinity, infinity};
  arf_t end;
  arf_init(end);
  arb_get_lbound_arf(end, x, working_bits);
  const double lower = arf_get_d(end, ARF_RND_FLOOR);
  arb_get_ubound_arf(end, x, working_bits);
  const double upper = arf_get_d(end, ARF_RND_CEIL);
  arf_clear(end);
  return {lower, upper};
}

// All tokens of one state against their enclosures.
template <class World>
StateError compared(const std::string& name, const World& world, const typename World::Block& exact, const DumpedTensor& dumped) {
  const ImageArithmetic grid(*find_format(dumped.format), false);
  StateError result;
  result.state = name;
  result.largest.resize(dumped.tokens), result.euclidean.resize(dumped.tokens), result.ulps.resize(dumped.tokens);
  for (std::size_t t = 0; t < dumped.tokens; ++t) {
    const CertifiedVector column = certified_column(world, exact, t);
    double low = 0, high = 0, low_squares = 0, high_squares = 0, exact_low = 0, exact_high = 0, ulps = 0;
    for (std::size_t i = 0; i < dumped.width; ++i) {
      const double x = dumped.values[t * dumped.width + i], lower = column[i].lower.to_double(MPFR_RNDD), upper = column[i].upper.to_double(MPFR_RNDU);
      // |x - y| for y in [lower, upper]; differences of doubles, one rounding each.
      const double least = std::max({0.0, down(lower - x), down(x - upper)});
      const double most = std::isfinite(x) && column[i].is_finite() ? up(std::max(upper - x, x - lower)) : infinity;
      low = std::max(low, least), high = std::max(high, most);
      low_squares += least * least, high_squares += most * most;
      const double smallest = lower > 0 ? lower : upper < 0 ? -upper : 0, largest = std::max(std::fabs(lower), std::fabs(upper));
      exact_low += smallest * smallest, exact_high += largest * largest;
      const double own = up(most / grid.ulp(smallest));
      ulps = std::max(ulps, own);
      std::size_t bucket = 0;
      while (bucket + 1 < StateError::buckets && !(own <= std::ldexp(0.5, static_cast<int>(bucket)))) ++bucket;
      ++result.histogram[bucket];
    }
    result.largest[t] = {low, high};
    // Roundings of sums of squares, roots and quotients: far below 2^-30.
    const double relative_low = exact_high > 0 ? std::sqrt(low_squares / exact_high) * (1 - 0x1p-30) : 0;
    const double relative_high = exact_low > 0 ? upward(std::sqrt(high_squares) / (std::sqrt(exact_low) * (1 - 0x1p-30))) : high_squares > 0 ? infinity : 0;
    result.euclidean[t] = {relative_low, relative_high};
    result.ulps[t] = ulps;
  }
  return result;
}

// log of the sum of e^x, shifted by an exact number near the largest.
Ball log_sum_exp(const std::vector<Ball>& x) {
  double shift = -infinity;
  for (const Ball& entry : x) shift = std::max(shift, arf_get_d(middle_of(entry), ARF_RND_NEAR));
  Ball sum, term;
  for (const Ball& entry : x) {
    Ball moved, by;
    arb_set_d(by, shift);
    arb_sub(moved, entry, by, working_bits);
    arb_exp(term, moved, working_bits);
    arb_add(sum, sum, term, working_bits);
  }
  arb_log(sum, sum, working_bits);
  Ball by;
  arb_set_d(by, shift);
  arb_add(sum, sum, by, working_bits);
  return sum;
}

void cap(std::vector<Ball>& logits, const std::optional<double>& softcap) {
  if (!softcap) return;
  Ball c;
  arb_set_d(c, *softcap);
  for (Ball& x : logits) {
    arb_div(x, x, c, working_bits);
    arb_tanh(x, x, working_bits);
    arb_mul(x, x, c, working_bits);
  }
}

TokenLogProbability probability(const CertifiedVector& exact_logits, std::span<const double> engine_logits, Token next, const std::optional<double>& softcap) {
  std::vector<Ball> exact, engine(engine_logits.size());
  for (const Enclosure& x : exact_logits) exact.push_back(ball_of(x));
  bool numbers = true;
  for (std::size_t i = 0; i < engine.size(); ++i) {
    numbers = numbers && std::isfinite(engine_logits[i]);
    if (numbers) arb_set_d(engine[i], engine_logits[i]);
  }
  TokenLogProbability result;
  if (next == no_token) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < exact.size(); ++i)
      if (arf_cmp(middle_of(exact[i]), middle_of(exact[best])) > 0) best = i;
    next = static_cast<Token>(best);
  }
  result.next = next;
  const CertifiedError unknown{-infinity, infinity};
  if (!numbers) return {next, unknown, unknown, unknown, {0, infinity}};
  cap(exact, softcap), cap(engine, softcap);
  const Ball exact_total = log_sum_exp(exact), engine_total = log_sum_exp(engine);
  const auto at = static_cast<std::size_t>(next);
  Ball p, q, delta, divergence;
  arb_sub(p, exact[at], exact_total, working_bits);
  arb_sub(q, engine[at], engine_total, working_bits);
  arb_sub(delta, q, p, working_bits);
  for (std::size_t i = 0; i < exact.size(); ++i) {  // sum p_i (log p_i - log q_i)
    Ball log_p, difference, weight;
    arb_sub(log_p, exact[i], exact_total, working_bits);
    arb_sub(difference, engine[i], engine_total, working_bits);
    arb_sub(difference, log_p, difference, working_bits);
    arb_exp(weight, log_p, working_bits);
    arb_addmul(divergence, weight, difference, working_bits);
  }
  result.exact = ends_of(p), result.engine = ends_of(q), result.delta = ends_of(delta), result.divergence = ends_of(divergence);
  result.divergence.lower = std::max(0.0, result.divergence.lower);  // Gibbs' inequality
  return result;
}

}  // namespace

Growth error_growth(const Model& model, std::span<const Column> columns, std::span<const Dump* const> dumps, Progress& progress) {
  Growth result;
  result.bits = predict_bits(model, columns, 80);  // nothing is tried again: finer than any engine's doubles
  result.dumps.resize(dumps.size());
  result.probabilities.resize(dumps.size());
  const EuclideanWorld world(result.bits);
  const Decoder<EuclideanWorld> decoder(model, world);
  progress.begin(fmt::format("exact states at {} bits", result.bits), model.layers.size());
  const auto observe = [&](const std::string& name, const EuclideanWorld::Block& states) {
    for (std::size_t d = 0; d < dumps.size(); ++d) {
      if (!dumps[d]->contains(name)) continue;
      const OperationName operation{OperationKind::sum, name, name, std::nullopt, model.width};
      result.dumps[d].push_back(compared(name, world, states, dumps[d]->read(operation, columns.size())));
    }
  };
  Decoder<EuclideanWorld>::Memory memory;
  const EuclideanWorld::Block hidden = decoder.hidden(columns, memory, [&](std::size_t layer, const EuclideanWorld::Block& states) {
    observe("hidden." + std::to_string(layer), states);
    if (layer > 0) progress.step();
  });
  const EuclideanWorld::Block final = decoder.final(hidden);
  observe("final", final);

  const bool logits = std::any_of(dumps.begin(), dumps.end(), [](const Dump* dump) { return dump->contains("logits"); });
  if (!logits) return result;
  progress.begin("exact logits", columns.size());
  const BallWorld balls(result.bits);
  const BallWorld::Block exact = balls.linear(model.unembedding, world.hull(final));
  std::vector<std::optional<DumpedTensor>> dumped(dumps.size());
  const std::size_t vocabulary = balls.width(exact);
  for (std::size_t d = 0; d < dumps.size(); ++d) {
    if (!dumps[d]->contains("logits")) continue;
    dumped[d] = dumps[d]->read({OperationKind::linear, "logits", "logits", std::nullopt, vocabulary}, columns.size());
    result.probabilities[d].resize(columns.size());
  }
  const FlintCaches caches;
  parallel_for(columns.size(), [&](std::size_t t) {
    const CertifiedVector column = certified_column(balls, exact, t);
    for (std::size_t d = 0; d < dumps.size(); ++d) {
      if (!dumped[d]) continue;
      const Token next = t + 1 < columns.size() ? columns[t + 1].token : no_token;
      result.probabilities[d][t] = probability(column, std::span(dumped[d]->values).subspan(t * vocabulary, vocabulary), next, model.logit_softcap);
    }
  });
  return result;
}

}  // namespace snellen
