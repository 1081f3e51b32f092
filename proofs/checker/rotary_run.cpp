#include "proofs/checker/rotary_run.hpp"

#include <algorithm>

namespace snellen::check {
namespace {

// c + sum of Re(b_f e^(i theta_f D)), b_f = scale q_f conj(k_f) of the plane (x_f, x_(f + F)) as a complex number; c from the entries that do not turn.
TurningScore score_of(const Operations& o, const Attention& attention, std::size_t head, const Vector& query, const Vector& key) {
  const IntervalArithmetic& a = o.arithmetic();
  const std::size_t size = attention.head_size, planes = attention.rotary->dimensions / 2;
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

TurningScore turned(const IntervalArithmetic& a, TurningScore score, const std::vector<std::int64_t>& multiples, std::int64_t distance) {
  for (std::size_t f = 0; f < multiples.size(); ++f) score.planes[f] = times(a, score.planes[f], on_circle(a, Length(multiples[f]) * distance, multiples[0]));
  return score;
}

}  // namespace

std::optional<std::string> rotary_run_refused(const Model& model, const CertificateSequences& s) {
  if (model.layers.size() != 1) return "rotary positions in more than one layer";
  const Attention& attention = model.layers[0].attention;
  if (!attention.rotary || attention.rotary->dimensions < 2) return "no rotary positions";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions are added to the embeddings";
  if (attention.window) return "a window in some layers";
  if (attention.softcap) return "soft-capped scores";
  if (!attention.alibi.empty()) return "slopes beside rotary positions";
  if (s.unit.size() != 1 || s.every > 0 || s.repeat_last) return "sequences other than a run of one token, in pairs (S_n, S_n+1), under rotary positions";
  if (multiples_of_one(*attention.rotary).empty()) return "rotary frequencies that are not all multiples of one";
  return std::nullopt;
}

RotaryRun::RotaryRun(const Model& model, const CertificateSequences& s, long bits, long smallest_mode)
    : model_(model), layer_(model.layers[0]), attention_(layer_.attention), forward_(model, bits), multiples_(multiples_of_one(*attention_.rotary)), behind_(static_cast<std::int64_t>(s.suffix.size())) {
  const Operations& o = forward_.operations();
  std::vector<Token> tokens = s.prefix;
  tokens.push_back(s.unit[0]);
  tokens.insert(tokens.end(), s.suffix.begin(), s.suffix.end());
  std::vector<Vector> xs;
  for (const Token token : tokens) xs.push_back(forward_.embedding(token, 0));
  const Forward::Projections p = forward_.project(layer_, xs);
  embedding_ = xs.back(), value_ = p.values[s.prefix.size()];
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    std::vector<TurningScore> scores;
    for (std::size_t h = 0; h < heads(); ++h) scores.push_back(score_of(o, attention_, h, p.queries.back(), p.keys[t]));
    if (t == s.prefix.size()) {
      run_ = std::move(scores);
      continue;
    }
    // A token of P is seen at the distance n + |P| + |Q| - 1 - t, one of Q at a fixed one.
    const bool turns = t < s.prefix.size();
    singles_.push_back({std::move(scores), static_cast<std::int64_t>(s.prefix.size() + s.suffix.size() - t) - (turns ? 1 : 0), turns, p.values[t]});
  }
  for (const Single& single : singles_)
    for (const TurningScore& score : single.scores) {
      turned_now_.push_back(turned(o.arithmetic(), score, multiples_, single.later));
      turned_later_.push_back(turned(o.arithmetic(), score, multiples_, single.later + (single.turns ? 1 : 0)));
    }
  mass_.emplace(o, multiples_, run_, behind_, smallest_mode);
}

RotaryRun::Two RotaryRun::vectors(const Vector& shares) const {
  const IntervalArithmetic& a = arithmetic();
  Vector mixed = forward_.operations().zeros(heads() * attention_.head_size);
  Number away = a.zero();
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    mixed[i] = value_[value_at(i)];
    for (std::size_t s = 0; s < singles_.size(); ++s) {
      a.sub(away, singles_[s].value[value_at(i)], value_[value_at(i)]);
      a.mul(away, away, shares[s * heads() + i / attention_.head_size]);
      a.add(mixed[i], mixed[i], away);
    }
  }
  std::vector<Vector> xs{embedding_};
  forward_.add_attention(layer_, xs, {mixed});
  forward_.add_mlp(layer_, xs);
  Vector final = forward_.final(xs[0]);
  return {std::move(xs[0]), std::move(final)};
}

// Each single token's weight over all weights.
Vector RotaryRun::shares_of(const Vector& masses, std::int64_t n) const {
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = arithmetic();
  Vector shares, totals = masses;
  for (const Single& single : singles_) {
    const auto turns = o.turns(*attention_.rotary, single.turns ? n + single.later : single.later);
    for (std::size_t h = 0; h < heads(); ++h) {
      shares.push_back(weight_at(o, single.scores[h], turns));
      a.add(totals[h], totals[h], shares.back());
    }
  }
  for (std::size_t i = 0; i < shares.size(); ++i) a.div(shares[i], shares[i], totals[i % heads()]);
  return shares;
}

RotaryRun::Two RotaryRun::at(std::int64_t n) const { return vectors(shares_of(mass_->at(n), n)); }

std::vector<RotaryRun::Two> RotaryRun::first(std::int64_t count) const {
  const Operations& o = forward_.operations();
  std::vector<Vector> masses(static_cast<std::size_t>(count), o.zeros(heads()));
  for_each_index(masses.size(), true, [&](std::size_t i) {
    const auto turns = o.turns(*attention_.rotary, behind_ + static_cast<std::int64_t>(i));
    for (std::size_t h = 0; h < heads(); ++h) masses[i][h] = weight_at(o, run_[h], turns);
  });
  for (std::size_t i = 1; i < masses.size(); ++i)
    for (std::size_t h = 0; h < heads(); ++h) arithmetic().add(masses[i][h], masses[i][h], masses[i - 1][h]);
  std::vector<Two> result(masses.size());
  for_each_index(masses.size(), true, [&](std::size_t i) { result[i] = vectors(shares_of(masses[i], static_cast<std::int64_t>(i) + 1)); });
  return result;
}

Vector RotaryRun::weights(const Number& phase, bool later) const {
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

Vector RotaryRun::largest_weights() const {
  Vector result;
  for (const Single& single : singles_)
    for (const TurningScore& score : single.scores) result.push_back(largest_weight(forward_.operations(), score));
  return result;
}

std::vector<Vector> RotaryRun::slopes(const Vector& most, bool final) const {
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = arithmetic();
  const Slopes by(o);
  Sloped mixed{o.zeros(heads() * attention_.head_size), std::vector<Vector>(shares(), o.zeros(heads() * attention_.head_size))};
  for (std::size_t i = 0; i < mixed.values.size(); ++i) {
    mixed.values[i] = value_[value_at(i)];
    for (std::size_t s = 0; s < singles_.size(); ++s) {
      const std::size_t share = s * heads() + i / attention_.head_size;
      Number& slope = mixed.slopes[share][i];
      a.sub(slope, singles_[s].value[value_at(i)], value_[value_at(i)]);
      Number part = most[share];  // from 0 to that
      unite(part, a.zero());
      a.mul(part, part, slope);
      a.add(mixed.values[i], mixed.values[i], part);
    }
  }
  Sloped x{embedding_, std::vector<Vector>(shares(), o.zeros(embedding_.size()))};
  Sloped branch = by.linear(layer_.output, mixed);
  by.norm(layer_.post_attention_norm, branch);
  by.add(x, branch);
  if (layer_.up) {
    Sloped h = x;
    by.norm(layer_.mlp_norm, h);
    Sloped inner = by.linear(*layer_.up, h);
    if (layer_.gate) {
      Sloped gate = by.linear(*layer_.gate, h);
      by.activate(layer_.activation, gate);
      inner = by.multiply(gate, inner);
    } else {
      by.activate(layer_.activation, inner);
    }
    branch = by.linear(*layer_.down, inner);
    by.norm(layer_.post_mlp_norm, branch);
    by.add(x, branch);
  }
  if (final) by.norm(model_.final_norm, x);
  return x.slopes;
}

}  // namespace snellen::check
