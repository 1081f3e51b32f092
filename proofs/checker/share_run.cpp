#include "proofs/checker/share_run.hpp"

#include <algorithm>

namespace snellen::check {
namespace {

std::size_t planes_of(const Attention& attention) { return attention.rotary ? attention.rotary->dimensions / 2 : 0; }

TurningScore turned(const IntervalArithmetic& a, TurningScore score, const std::vector<std::int64_t>& multiples, std::int64_t distance) {
  for (std::size_t f = 0; f < score.planes.size(); ++f) score.planes[f] = times(a, score.planes[f], on_circle(a, Length(multiples[f]) * distance, multiples[0]));
  return score;
}

}  // namespace

// c + sum of Re(b_f e^(i theta_f D)), b_f = scale q_f conj(k_f) of the plane (x_f, x_(f + F)) as a complex number; c from the entries that do not turn.
TurningScore score_of(const Operations& o, const Attention& attention, std::size_t head, const Vector& query, const Vector& key) {
  const IntervalArithmetic& a = o.arithmetic();
  const std::size_t size = attention.head_size, planes = planes_of(attention);
  const Number scale = o.root(attention.scale), *const q = &query[head * size], *const k = &key[head / (attention.heads / attention.kv_heads) * size];
  TurningScore score{a.zero(), {}};
  Number term = a.zero();
  for (std::size_t i = 2 * planes; i < size; ++i) {
    a.mul(term, q[i], k[i]);
    a.add(score.constant, score.constant, term);
  }
  a.mul(score.constant, score.constant, scale);
  for (std::size_t f = 0; f < planes; ++f) {
    Complex b = times(a, {q[f], q[f + planes]}, conjugate(a, {k[f], k[f + planes]}));
    a.mul(b.re, b.re, scale), a.mul(b.im, b.im, scale);
    score.planes.push_back(std::move(b));
  }
  return score;
}

std::optional<std::string> share_run_refused(const Model& model, const CertificateSequences& s) {
  if (model.layers.size() != 1) return "rotary positions in more than one layer";
  const Attention& attention = model.layers[0].attention;
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions are added to the embeddings";
  if (attention.window) return "a window in some layers";
  if (attention.softcap) return "soft-capped scores";
  if (!attention.alibi.empty()) return "slopes beside rotary positions";
  if (s.unit.empty() || s.every > 0 || s.repeat_last) return "sequences other than P . U^n . Q, in pairs (S_n, S_n+1), in one layer";
  if (planes_of(attention) == 0) return std::nullopt;
  if (s.unit.size() != 1) return "a unit of several tokens under rotary positions";
  if (multiples_of_one(*attention.rotary).empty()) return "rotary frequencies that are not all multiples of one";
  return std::nullopt;
}

ShareRun::ShareRun(const Model& model, const CertificateSequences& s, long bits, long smallest_mode)
    : model_(model), layer_(model.layers[0]), attention_(layer_.attention), forward_(model, bits),
      multiples_(planes_of(attention_) > 0 ? multiples_of_one(*attention_.rotary) : std::vector<std::int64_t>{1}), behind_(static_cast<std::int64_t>(s.suffix.size())) {
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = o.arithmetic();
  std::vector<Token> tokens = s.prefix;
  tokens.insert(tokens.end(), s.unit.begin(), s.unit.end());
  tokens.insert(tokens.end(), s.suffix.begin(), s.suffix.end());
  std::vector<Vector> xs;
  for (const Token token : tokens) xs.push_back(forward_.embedding(token, 0));
  const Forward::Projections p = forward_.project(layer_, xs);
  embedding_ = xs.back();
  const auto scores_of = [&](std::size_t t) {
    std::vector<TurningScore> scores;
    for (std::size_t h = 0; h < heads(); ++h) scores.push_back(score_of(o, attention_, h, p.queries.back(), p.keys[t]));
    return scores;
  };
  const auto value_of = [&](std::size_t t) {
    Vector value;
    for (std::size_t h = 0; h < heads(); ++h)
      for (std::size_t i = 0; i < attention_.head_size; ++i) value.push_back(p.values[t][h / (attention_.heads / attention_.kv_heads) * attention_.head_size + i]);
    return value;
  };
  const std::size_t begin = s.prefix.size(), end = begin + s.unit.size();
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    if (t >= begin && t < end) continue;
    // A token of P is seen at the distance n + |P| + |Q| - 1 - t, one of Q at a fixed one.
    const bool turns = t < begin && planes_of(attention_) > 0;
    const std::size_t later = t < begin ? begin + s.suffix.size() - 1 - t : tokens.size() - 1 - t;
    singles_.push_back({scores_of(t), static_cast<std::int64_t>(later), turns, value_of(t)});
  }
  run_ = scores_of(begin), value_ = value_of(begin);
  if (s.unit.size() > 1) {  // without positions: the logarithm of a copy's weight, and the mean of its values
    for (std::size_t h = 0; h < heads(); ++h) {
      Vector sums = o.zeros(attention_.head_size);
      Number mass = a.zero(), term = a.zero();
      for (std::size_t t = begin; t < end; ++t) {
        const Number weight = weight_at(o, scores_of(t)[h], {});
        a.add(mass, mass, weight);
        for (std::size_t i = 0; i < sums.size(); ++i) {
          a.mul(term, weight, value_of(t)[h * sums.size() + i]);
          a.add(sums[i], sums[i], term);
        }
      }
      a.log(run_[h].constant, mass);
      for (std::size_t i = 0; i < sums.size(); ++i) a.div(value_[h * sums.size() + i], sums[i], mass);
    }
  }
  for (const Single& single : singles_)
    for (const TurningScore& score : single.scores) {
      turned_now_.push_back(turned(a, score, multiples_, single.later));
      turned_later_.push_back(turned(a, score, multiples_, single.later + (single.turns ? 1 : 0)));
    }
  mass_.emplace(o, multiples_, run_, behind_, smallest_mode);
}

std::vector<Operations::Turn> ShareRun::turns_at(std::int64_t distance) const {
  return planes_of(attention_) > 0 ? turns_over(arithmetic(), multiples_, distance) : std::vector<Operations::Turn>();
}

Vector ShareRun::outputs_of(const Vector& shares) const {
  const IntervalArithmetic& a = arithmetic();
  Vector outputs = value_;
  Number away = a.zero();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    for (std::size_t s = 0; s < singles_.size(); ++s) {
      a.sub(away, singles_[s].value[i], value_[i]);
      a.mul(away, away, shares[s * heads() + i / attention_.head_size]);
      a.add(outputs[i], outputs[i], away);
    }
  return outputs;
}

std::vector<ShareRun::Two> ShareRun::vectors(const std::vector<Vector>& shares) const {
  std::vector<Vector> xs(shares.size(), embedding_), mixed(shares.size());
  for_each_index(shares.size(), true, [&](std::size_t c) { mixed[c] = outputs_of(shares[c]); });
  forward_.add_attention(layer_, xs, mixed);
  forward_.add_mlp(layer_, xs);
  std::vector<Two> result(shares.size());
  for_each_index(shares.size(), true, [&](std::size_t c) { result[c] = {xs[c], forward_.final(xs[c])}; });
  return result;
}

// Each single token's weight over all weights.
Vector ShareRun::shares_of(const Vector& masses, std::int64_t n) const {
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = arithmetic();
  Vector shares, totals = masses;
  for (const Single& single : singles_) {
    const auto turns = turns_at(single.turns ? n + single.later : single.later);
    for (std::size_t h = 0; h < heads(); ++h) {
      shares.push_back(weight_at(o, single.scores[h], turns));
      a.add(totals[h], totals[h], shares.back());
    }
  }
  for (std::size_t i = 0; i < shares.size(); ++i) a.div(shares[i], shares[i], totals[i % heads()]);
  return shares;
}

ShareRun::Two ShareRun::at(std::int64_t n) const { return vectors({shares_of(mass_->at(n), n)})[0]; }

std::vector<ShareRun::Two> ShareRun::first(std::int64_t count) const {
  const Operations& o = forward_.operations();
  std::vector<Vector> masses(static_cast<std::size_t>(count), o.zeros(heads()));
  for_each_index(masses.size(), true, [&](std::size_t i) { masses[i] = weights_of_run(behind_ + static_cast<std::int64_t>(i)); });
  for (std::size_t i = 1; i < masses.size(); ++i)
    for (std::size_t h = 0; h < heads(); ++h) arithmetic().add(masses[i][h], masses[i][h], masses[i - 1][h]);
  return with_masses(masses, 1);
}

std::vector<ShareRun::Two> ShareRun::with_masses(const std::vector<Vector>& masses, std::int64_t from) const {
  std::vector<Vector> shares(masses.size());
  for_each_index(masses.size(), true, [&](std::size_t i) { shares[i] = shares_of(masses[i], from + static_cast<std::int64_t>(i)); });
  return vectors(shares);
}

Vector ShareRun::weights_of_run(std::int64_t distance) const {
  const auto turns = turns_at(distance);
  Vector result;
  for (const TurningScore& score : run_) result.push_back(weight_at(forward_.operations(), score, turns));
  return result;
}

// T_n / n lies within (excess + all single weights) / n of the mean.
Vector ShareRun::densities(std::int64_t first) const {
  const IntervalArithmetic& a = arithmetic();
  const Vector largest = largest_weights();
  Number length = a.zero();
  mpfi_set_si(IntervalArithmetic::raw(length), first);
  Vector result;
  for (std::size_t h = 0; h < heads(); ++h) {
    Number density = mass_->mean(h), part = a.zero();
    for (std::size_t s = h; s < shares(); s += heads()) a.add(part, part, largest[s]);
    a.div(part, part, length);
    unite(part, a.zero());
    a.add(density, density, part);
    part = a.zero();
    widen(part, mass_->excess(h));
    a.div(part, part, length);
    a.add(density, density, part);
    result.push_back(std::move(density));
  }
  return result;
}

Vector ShareRun::weights(const Number& phase, bool later) const {
  const Operations& o = forward_.operations();
  std::vector<Operations::Turn> turning, fixed;
  for (const std::int64_t multiple : multiples_) {
    Number angle = phase;
    mpfi_mul_si(IntervalArithmetic::raw(angle), IntervalArithmetic::raw(angle), multiple);
    Operations::Turn turn{arithmetic().zero(), arithmetic().zero()};
    arithmetic().cos(turn.cosine, angle), arithmetic().sin(turn.sine, angle);
    turning.push_back(std::move(turn));
    fixed.push_back({arithmetic().of(1), arithmetic().zero()});
  }
  Vector result;
  for (std::size_t i = 0; i < shares(); ++i) result.push_back(weight_at(o, (later ? turned_later_ : turned_now_)[i], turns(i) ? turning : fixed));
  return result;
}

Vector ShareRun::largest_weights() const {
  Vector result;
  for (const Single& single : singles_)
    for (const TurningScore& score : single.scores) result.push_back(largest_weight(forward_.operations(), score));
  return result;
}

Sloped ShareRun::sloped(const Vector& most, bool final) const {
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = arithmetic();
  const Slopes by(o);
  Sloped mixed{o.zeros(heads() * attention_.head_size), std::vector<Vector>(shares(), o.zeros(heads() * attention_.head_size))};
  for (std::size_t i = 0; i < mixed.values.size(); ++i) {
    mixed.values[i] = value_[i];
    for (std::size_t s = 0; s < singles_.size(); ++s) {
      const std::size_t share = s * heads() + i / attention_.head_size;
      Number& slope = mixed.slopes[share][i];
      a.sub(slope, singles_[s].value[i], value_[i]);
      Number part = most[share];  // from 0 to that
      unite(part, a.zero());
      a.mul(part, part, slope);
      a.add(mixed.values[i], mixed.values[i], part);
    }
  }
  Sloped x{embedding_, std::vector<Vector>(shares(), o.zeros(embedding_.size()))};
  by.add_layer(layer_, x, mixed);
  if (final) by.norm(model_.final_norm, x);
  return x;
}

}  // namespace snellen::check
