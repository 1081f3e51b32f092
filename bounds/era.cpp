#include "bounds/era.hpp"

namespace snellen {
namespace {

// Eras [a, a + a/4]: the variable's half-width is a ninth of the distance to n = 0.
constexpr unsigned era_divisor = 4;

// Bits of the result that shortened sums keep: about what truncation at this degree leaves (9^-degree); token by token, enough for single steps of fp32.
long accuracy_for(const RunSettings& settings) { return settings.one_token_eras ? 72 : 3 * static_cast<long>(settings.degree); }

void set_range(arb_ptr t, const PowerSums& sums, const Length& from, const Length& to, long bits) {
  Ball end;
  sums.position(t, from);
  sums.position(end, to);
  arb_union(t, t, end, bits);
}

}  // namespace

BallMatrix EraVector::over(const BallMatrix& models, const Length& from, const Length& to) const {
  BallMatrix column(models.rows(), 1);
  Ball t;
  if (models.columns() > 1) set_range(t, world.sums(), from, to, world.taylor().bits());
  for (std::size_t i = 0; i < models.rows(); ++i) world.taylor().evaluate_mean_value(column(i, 0), models.row(i), t);
  return column;
}

// With exact coefficients p(t + step) - p(t) = step p'(x) for some x between; two remainders.
BallMatrix EraVector::steps_over(const Length& from, const Length& to) const {
  const TaylorArithmetic& taylor = world.taylor();
  const auto length = static_cast<std::size_t>(taylor.length());
  BallMatrix column(vector.rows(), 1);
  Ball t;
  BallVector derivative(length);
  set_range(t, world.sums(), from, to, taylor.bits());
  for (std::size_t i = 0; i < vector.rows(); ++i) {
    _arb_vec_zero(derivative[0], taylor.length());
    _arb_poly_derivative(derivative[0], vector.row(i), taylor.length(), taylor.bits());
    taylor.sweep(derivative[0]);
    taylor.evaluate_mean_value(column(i, 0), derivative[0], t);
    arb_mul(column(i, 0), column(i, 0), world.sums().step(), taylor.bits());
    taylor.add_error(column(i, 0), shifted(Magnitude::radius_of(vector.row(i)), 1));
  }
  return column;
}

BallMatrix EraVector::step_at(const Length& n) const {
  const TaylorArithmetic& taylor = world.taylor();
  BallMatrix column(vector.rows(), 1);
  Ball here, there, value;
  world.sums().position(here, n);
  world.sums().position(there, n + 1);
  BallVector exact(static_cast<std::size_t>(taylor.length()));
  for (std::size_t i = 0; i < vector.rows(); ++i) {
    for (slong k = 1; k < taylor.length(); ++k) arb_set(exact[static_cast<std::size_t>(k)], vector.row(i) + k);
    taylor.evaluate(column(i, 0), exact[0], there);
    taylor.evaluate(value, exact[0], here);
    arb_sub(column(i, 0), column(i, 0), value, taylor.bits());
    taylor.add_error(column(i, 0), shifted(Magnitude::radius_of(vector.row(i)), 1));
  }
  return column;
}

RunEvaluation::RunEvaluation(const Model& model, const std::vector<Token>& prefix, Token token, Place place, const RunSettings& settings)
    : model_(model), place_(place), settings_(settings), balls_(std::make_shared<const BallWorld>(settings.bits)), next_(settings.explicit_tokens + 1) {
  const Decoder<BallWorld> decoder(model, *balls_);
  abstract_ = {Column{token, 0, 0, 0}};
  {
    const EraWorld world(EraWorld::Limit{}, 0, balls_, settings.bits);
    const Decoder<EraWorld> limit(model, world);
    const BallMatrix x = limit.hidden(abstract_, memory_), y = limit.final(x);
    limit_ = {placed(x, y), y};
  }
  std::vector<Token> tokens = prefix;
  tokens.insert(tokens.end(), static_cast<std::size_t>(settings.explicit_tokens), token);
  Decoder<BallWorld>::Memory memory;
  BallMatrix x = decoder.hidden(SequenceTree(tokens).columns(), memory);
  std::vector<std::size_t> run;
  for (std::size_t c = prefix.size(); c < tokens.size(); ++c) run.push_back(c);
  x = balls_->select(x, run);
  const BallMatrix y = decoder.final(x);
  explicit_ = {placed(x, y), y};
  const EraWorld world(EraWorld::Tail{next_}, 0, balls_, settings.bits);
  for (std::size_t l = 0; l < memory.size(); ++l) world.add_tokens(model.layers[l].attention, memory[l], memory_[l]);
  abstract_[0].position = static_cast<std::int64_t>(tokens.size());
}

void RunEvaluation::extend() {
  const EraWorld::Era era{next_, settings_.one_token_eras ? next_ : Length(next_ + next_ / era_divisor)};
  const EraWorld world(era, settings_.degree, balls_, accuracy_for(settings_));
  const Decoder<EraWorld> decoder(model_, world);
  const BallMatrix x = decoder.hidden(abstract_, memory_), y = decoder.final(x);
  eras_.push_back({era, placed(x, y), y, world});
  abstract_[0].position += settings_.one_token_eras ? 1 : 0;
  next_ = era.last + 1;
}

TailVector RunEvaluation::tail() {
  const EraWorld world(EraWorld::Tail{next_}, 0, balls_, settings_.bits);
  const Decoder<EraWorld> decoder(model_, world);
  const BallMatrix x = decoder.hidden(abstract_, memory_), y = decoder.final(x);
  return {next_, placed(x, y), y};
}

}  // namespace snellen
