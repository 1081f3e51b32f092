#include "bounds/era.hpp"

#include <algorithm>

namespace snellen {
namespace {

// Bits of the result that shortened sums keep: about what truncation at this degree leaves in eras of the usual width (9^-degree); token by token, enough for single steps of fp32.
long accuracy_for(const RunSettings& settings) { return settings.one_token_eras ? 72 : 3 * static_cast<long>(settings.degree); }

// A tail's enclosure is as wide as the distance from the limit.
constexpr long tail_accuracy = 40;

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

template <CertifiedWorld W>
RunEvaluation::Vectors RunEvaluation::vectors(const W& world, std::span<const Column> columns, std::span<const std::size_t> chosen,
                                              typename Decoder<W>::Memory& memory) const {
  const Decoder<W> decoder(model_, world);
  const typename W::Block x = world.select(decoder.hidden(columns, memory), chosen), y = decoder.final(x);
  return {place_ == Place::final ? y : x, y};
}

RunEvaluation::Vectors RunEvaluation::run(const EraWorld& world) {
  const std::size_t last = abstract_.size() - 1;
  return vectors(world, abstract_, std::span(&last, 1), memory_);
}

RunEvaluation::RunEvaluation(const Model& model, const std::vector<Token>& prefix, Token token, const std::vector<Token>& suffix, Place place,
                             const RunSettings& settings)
    : model_(model), place_(place), settings_(settings), balls_(std::make_shared<const BallWorld>(settings.bits)), next_(settings.explicit_tokens + 1),
      width_(settings.wanted, settings.degree) {
  abstract_.push_back({token, 0, 0, 0});
  for (const Token t : suffix) abstract_.push_back({t, 0, 0, 0});
  limit_ = run(EraWorld(EraWorld::Limit{}, 0, balls_, settings.bits));

  std::vector<Token> trunk = prefix;
  trunk.insert(trunk.end(), static_cast<std::size_t>(settings.explicit_tokens), token);
  SequenceTree tree(trunk);
  std::vector<std::size_t> ends;
  for (std::size_t length = prefix.size() + 1; length <= trunk.size(); ++length) ends.push_back(tree.add(length, suffix));
  Decoder<BallWorld>::Memory memory;
  explicit_ = vectors(*balls_, tree.columns(), ends, memory);
  const EraWorld world(EraWorld::Tail{next_}, 0, balls_, settings.bits);
  for (std::size_t l = 0; l < memory.size(); ++l) world.add_tokens(model.layers[l].attention, memory[l], trunk.size(), memory_[l]);
  abstract_[0].position = static_cast<std::int64_t>(trunk.size());
}

Length RunEvaluation::last_of_era() const { return settings_.one_token_eras ? next_ : Length(next_ + next_ / width_.divisor()); }

double RunEvaluation::error_of(const EraWorld& world, const BallMatrix& vector) const {
  Magnitude error, distance;
  Ball difference;
  for (std::size_t i = 0; i < vector.rows(); ++i) {
    error = std::max(error, Magnitude::radius_of(vector.row(i)));
    arb_sub(difference, vector.row(i), limit_.vector(i, 0), world.taylor().bits());
    distance = std::max(distance, Magnitude::of(difference));
  }
  return error.is_finite() ? error.log2() - distance.log2() : 0;
}

double RunEvaluation::heaviness() const {
  double most = 0;
  for (const RunMemory& memory : memory_)
    for (const RunMemory::Viewer& viewer : memory.viewers)
      for (const HeadPast& head : viewer.heads) most = std::max(most, head.scale(HeadQuery(BallMatrix(viewer.query.size() / viewer.heads.size(), 1))).mass);
  return most;
}

void RunEvaluation::extend() {
  for (;;) {
    const EraWorld::Era era{next_, last_of_era()};
    const EraWorld world(era, settings_.degree, balls_, accuracy_for(settings_));
    Vectors v = run(world);
    if (era.first < era.last && !width_.keeps(error_of(world, v.vector))) {
      for (RunMemory& memory : memory_) EraWorld::forget_era(memory);
      continue;
    }
    eras_.push_back({era, std::move(v.vector), std::move(v.final), world});
    abstract_[0].position += settings_.one_token_eras ? 1 : 0;
    next_ = era.last + 1;
    return;
  }
}

TailVector RunEvaluation::tail() {
  Vectors v = run(EraWorld(EraWorld::Tail{next_}, 0, balls_, tail_accuracy));
  return {next_, std::move(v.vector), std::move(v.final)};
}

}  // namespace snellen
