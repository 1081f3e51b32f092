#include "bounds/attention_facts.hpp"

#include "lib/number/ball_enclosure.hpp"

namespace snellen {
namespace {

struct Balls {
  Ball sink, entropy, spread;
  HeadFacts enclosures(long bits) const { return {enclosure_of(sink, bits), enclosure_of(entropy, bits), enclosure_of(spread, bits)}; }
};

Balls facts_of(const SoftmaxRow& row, const View& view, long bits) {
  Balls result;
  if (view.entry(0) == 0) arb_set(result.sink, row.weights[0]);
  Ball highest, lowest, shift, mass, t;
  arb_set(highest, row.scores[0]), arb_set(lowest, row.scores[0]);
  for (std::size_t i = 1; i < row.scores.size(); ++i) {
    arb_max(highest, highest, row.scores[i], bits);
    arb_min(lowest, lowest, row.scores[i], bits);
  }
  arb_sub(result.spread, highest, lowest, bits);
  arb_get_mid_arb(shift, highest);
  for (std::size_t i = 0; i < row.scores.size(); ++i) {
    arb_sub(t, row.scores[i], shift, bits);
    arb_submul(result.entropy, row.weights[i], t, bits);
    arb_exp(t, t, bits);
    arb_add(mass, mass, t, bits);
  }
  arb_log(t, mass, bits);
  arb_add(result.entropy, result.entropy, t, bits);
  return result;
}

}  // namespace

AttentionFacts attention_facts(const AttentionStep& step, std::size_t column, long bits) {
  AttentionFacts result;
  Balls mean;
  const std::size_t heads = step.attention.heads;
  for (std::size_t h = 0; h < heads; ++h) {
    const Balls of_head = facts_of(step.row(h, column), step.view(column), bits);
    result.heads.push_back(of_head.enclosures(bits));
    arb_add(mean.sink, mean.sink, of_head.sink, bits);
    arb_add(mean.entropy, mean.entropy, of_head.entropy, bits);
    arb_add(mean.spread, mean.spread, of_head.spread, bits);
  }
  for (const arb_ptr sum : {static_cast<arb_ptr>(mean.sink), static_cast<arb_ptr>(mean.entropy), static_cast<arb_ptr>(mean.spread)})
    arb_div_ui(sum, sum, heads, bits);
  result.mean = mean.enclosures(bits);
  return result;
}

Enclosure effective_rank(const BallMatrix& x, std::size_t tokens, long bits) {
  BallMatrix columns(x.rows(), tokens), transposed(tokens, x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < tokens; ++c) arb_set_round(columns(i, c), x(i, c), bits);
  arb_mat_transpose(transposed.get(), columns.get());
  // The Gram matrix of the shorter side has the same eigenvalues but for zeros.
  BallMatrix gram = tokens <= x.rows() ? BallMatrix(tokens, tokens) : BallMatrix(x.rows(), x.rows());
  if (tokens <= x.rows()) arb_mat_mul(gram.get(), transposed.get(), columns.get(), bits);
  else arb_mat_mul(gram.get(), columns.get(), transposed.get(), bits);
  Ball trace, squares;
  arb_mat_trace(trace, gram.get(), bits);
  for (std::size_t i = 0; i < gram.rows(); ++i)
    for (std::size_t j = 0; j < gram.columns(); ++j) arb_addmul(squares, gram(i, j), gram(i, j), bits);
  arb_sqr(trace, trace, bits);
  arb_div(trace, trace, squares, bits);
  return enclosure_of(trace, bits);
}

}  // namespace snellen
