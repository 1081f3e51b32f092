#include "proofs/checker/two_layers.hpp"

#include <algorithm>
#include <atomic>

namespace snellen::check {
namespace {

constexpr std::int64_t chunk = 2048;           // tokens that are followed together
constexpr std::size_t points_together = 1024, fewest_points = 4096, most_points = std::size_t{1} << 18;
constexpr std::int64_t points_of_turn = 32;
constexpr int parts = 8;                       // of the way from the limit, for each of which derivatives are bounded

std::size_t points_for(std::int64_t fastest) {
  std::size_t points = fewest_points;
  while (points < static_cast<std::size_t>(points_of_turn * fastest)) points *= 2;
  return points;
}

// The model up to its first layer. Nothing is asked of what comes after.
Model first_layer_of(const Model& model) {
  Model result = model;
  result.layers.resize(1), result.final_norm.reset();
  return result;
}

Upper larger(const Upper& x, const Upper& y) { return x < y ? y : x; }
Number of(const IntervalArithmetic& a, std::int64_t n) {
  Number x = a.zero();
  mpfi_set_si(IntervalArithmetic::raw(x), n);
  return x;
}
Number inverse(const IntervalArithmetic& a, const Number& x) {
  Number result = a.zero();
  a.div(result, a.of(1), x);
  return result;
}

}  // namespace

std::optional<std::string> two_layers_refused(const Model& model, const CertificateSequences& s) {
  if (model.layers.size() != 2) return "rotary positions in another number of layers";
  if (s.unit.size() != 1 || !s.suffix.empty()) return "sequences other than a prefix and a run of one token";
  const Model below = first_layer_of(model);
  if (auto why = share_run_refused(below, s)) return why;
  const Layer& layer = model.layers[1];
  const Attention &one = model.layers[0].attention, &two = layer.attention;
  if (!one.rotary || !two.rotary || one.rotary->dimensions < 2 || one.rotary->base != two.rotary->base || one.rotary->dimensions != two.rotary->dimensions) return "layers without rotary positions, or of different frequencies";
  if (two.window || two.softcap || !two.alibi.empty()) return "a window, a soft-cap or slopes beside rotary positions";
  if (points_for(multiples_of_one(*two.rotary)[0]) > most_points) return "rotary frequencies that are very different";
  if (layer.query_norm || layer.key_norm) return "norms of queries and keys in a second layer";
  return std::nullopt;
}

TwoLayers::TwoLayers(const Model& model, const CertificateSequences& s, bool final, long bits, long smallest_mode)
    : model_(model), below_(first_layer_of(model)), layer_(model.layers[1]), attention_(layer_.attention), first_(below_, s, bits, smallest_mode), final_(final),
      before_(static_cast<std::int64_t>(s.prefix.size())), multiples_(multiples_of_one(*attention_.rotary)), points_(points_for(multiples_[0])), scale_(first_.forward().operations().root(attention_.scale)),
      memory_(attention_.kv_heads, TokenSums(attention_.head_size)), masses_(first_.forward().operations().zeros(first_.heads())) {
  const Forward& forward = first_.forward();
  const Operations& o = forward.operations();
  const std::size_t size = attention_.head_size;
  std::vector<Vector> x{first_.limit().hidden};
  Forward::Projections p = forward.project(layer_, x);
  for (std::size_t h = 0; h < heads(); ++h) scores_.push_back(score_of(o, attention_, h, p.queries[0], p.keys[0]));
  mass_.emplace(o, multiples_, scores_, 0, smallest_mode);
  query_ = std::move(p.queries[0]), key_ = std::move(p.keys[0]), value_ = std::move(p.values[0]);
  for (Number& q : query_) arithmetic().mul(q, q, scale_);
  Vector mixed;  // all weight on the run
  for (std::size_t i = 0; i < heads() * size; ++i) mixed.push_back(value_[kv_head(i / size) * size + i % size]);
  forward.add_attention(layer_, x, {mixed});
  forward.add_mlp(layer_, x);
  if (final_ && model_.final_norm) o.norm(*model_.final_norm, x[0], 1);
  limit_ = std::move(x[0]);

  if (const Layer& first = model.layers[0]; DoubleLayer::knows(first))
    doubles_.emplace(InDoubles{DoubleLayer(first), rounded(first_.embedding()), DoubleNorm(layer_.attention_norm), DoubleLinear(layer_.query), DoubleLinear(layer_.key), DoubleLinear(layer_.value)});

  if (before_ == 0) return;
  std::vector<Seat> seats;
  for (const Token token : s.prefix) seats.push_back({token, 0, 0});
  const Forward below(below_, bits);
  p = forward.project(layer_, below.run(seats).hidden);
  for (std::size_t e = 0; e < seats.size(); ++e) {
    o.rotate(p.keys[e], attention_.kv_heads, size, turns_over(arithmetic(), multiples_, static_cast<std::int64_t>(e)));
    for (std::size_t i = 0; i < value_.size(); ++i) arithmetic().sub(p.values[e][i], p.values[e][i], value_[i]);
    for (std::size_t g = 0; g < memory_.size(); ++g) memory_[g].add(&p.keys[e][g * size], &p.values[e][g * size]);
  }
}

Forward::Projections TwoLayers::in_intervals(const std::vector<Vector>& masses, std::int64_t begin, std::vector<Vector>& states) const {
  for (ShareRun::Two& two : first_.with_masses(masses, begin)) states.push_back(std::move(two.hidden));
  return first_.forward().project(layer_, states);
}

Forward::Projections TwoLayers::in_doubles(const std::vector<Vector>& masses, std::int64_t begin, std::vector<Vector>& states) const {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t count = masses.size();
  states.resize(count);
  Forward::Projections p{std::vector<Vector>(count), std::vector<Vector>(count), std::vector<Vector>(count)};
  for_each_index(count, true, [&](std::size_t c) {
    DoubleVector x = doubles_->first(doubles_->embedding, rounded(first_.outputs_of(first_.shares_of(masses[c], begin + static_cast<std::int64_t>(c)))));
    states[c] = enclosed(a, x);
    doubles_->norm(x);
    p.queries[c] = enclosed(a, doubles_->query(x)), p.keys[c] = enclosed(a, doubles_->key(x)), p.values[c] = enclosed(a, doubles_->value(x));
  });
  return p;
}

std::vector<Vector> TwoLayers::follow(std::int64_t last, const std::function<bool(std::int64_t)>& asked) {
  const Forward& forward = first_.forward();
  const Operations& o = forward.operations();
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size;
  std::vector<Vector> result;
  while (tokens_ < last) {
    const std::int64_t begin = tokens_ + 1;
    const auto count = static_cast<std::size_t>(std::min(chunk, last - tokens_));
    const auto length_of = [&](std::size_t c) { return begin + static_cast<std::int64_t>(c); };
    std::vector<Vector> masses(count), states;
    std::vector<std::vector<Operations::Turn>> turns(count);
    for_each_index(count, true, [&](std::size_t c) {
      masses[c] = first_.weights_of_run(length_of(c) - 1);
      turns[c] = turns_over(a, multiples_, before_ + length_of(c) - 1);
    });
    for (Vector& mass : masses) {
      for (std::size_t h = 0; h < mass.size(); ++h) a.add(mass[h], mass[h], masses_[h]);
      masses_ = mass;
    }
    Forward::Projections p = doubles_ ? in_doubles(masses, begin, states) : in_intervals(masses, begin, states);
    for_each_index(count, true, [&](std::size_t c) {
      o.rotate(p.queries[c], heads(), size, turns[c]);
      o.rotate(p.keys[c], attention_.kv_heads, size, turns[c]);
      for (Number& q : p.queries[c]) a.mul(q, q, scale_);
      for (std::size_t i = 0; i < value_.size(); ++i) a.sub(p.values[c][i], p.values[c][i], value_[i]);
    });
    for_each_index(memory_.size(), true, [&](std::size_t g) {
      for (std::size_t c = 0; c < count; ++c) memory_[g].add(&p.keys[c][g * size], &p.values[c][g * size]);
    });
    tokens_ += static_cast<std::int64_t>(count);

    std::vector<std::size_t> wanted;
    for (std::size_t c = 0; c < count; ++c)
      if (asked(length_of(c))) wanted.push_back(c);
    std::vector<Vector> xs, mixed(wanted.size(), o.zeros(heads() * size));
    for (const std::size_t c : wanted) xs.push_back(states[c]);
    for (std::size_t h = 0; h < heads(); ++h) {
      std::vector<TokenSums::Query> queries;
      for (const std::size_t c : wanted) queries.push_back({&p.queries[c][h * size], static_cast<std::size_t>(before_ + length_of(c))});
      const auto sums = memory_[kv_head(h)].sums(a, queries);
      for (std::size_t i = 0; i < wanted.size(); ++i)
        for (std::size_t k = 0; k < size; ++k) {
          Number& output = mixed[i][h * size + k];
          a.div(output, sums[i].apart[k], sums[i].mass);
          a.add(output, output, value_[kv_head(h) * size + k]);
        }
    }
    if (wanted.empty()) continue;
    forward.add_attention(layer_, xs, mixed);
    forward.add_mlp(layer_, xs);
    if (final_ && model_.final_norm) for_each_index(xs.size(), true, [&](std::size_t i) { o.norm(*model_.final_norm, xs[i], 1); });
    result.insert(result.end(), std::make_move_iterator(xs.begin()), std::make_move_iterator(xs.end()));
  }
  return result;
}

Upper TwoLayers::length(const Number* x) const {
  Upper sum;
  for (std::size_t i = 0; i < attention_.head_size; ++i) sum += Upper::magnitude(x[i]) * Upper::magnitude(x[i]);
  return sum.root();
}

// j alpha_s(j) = w_s j / T_j.
Vector TwoLayers::shares_up_to(std::int64_t from) const {
  const Vector densities = first_.densities(tokens_);
  Vector most = first_.largest_weights();
  for (std::size_t s = 0; s < most.size(); ++s) {
    arithmetic().div(most[s], most[s], densities[s % first_.heads()]);
    arithmetic().div(most[s], most[s], of(arithmetic(), from));
  }
  return most;
}

// With the state a function of the shares alpha, j (v_j - v) is the sum of dv/dalpha_s times j alpha_s(j), which is from 0 to the largest one.
TwoLayers::Movement TwoLayers::movement() const {
  const IntervalArithmetic& a = arithmetic();
  const Slopes by(first_.forward().operations());
  const std::size_t size = attention_.head_size;
  Sloped x = first_.sloped(shares_up_to(tokens_), false);
  by.norm(layer_.attention_norm, x);
  Vector most = shares_up_to(1);
  for (Number& share : most) unite(share, a.zero());
  const auto moved = [&](const Linear& map) {
    const Sloped y = by.linear(map, x);
    Vector sums = first_.forward().operations().zeros(y.values.size());
    Number term = a.zero();
    for (std::size_t s = 0; s < most.size(); ++s)
      for (std::size_t i = 0; i < sums.size(); ++i) a.mul(term, y.slopes[s][i], most[s]), a.add(sums[i], sums[i], term);
    return sums;
  };
  const Vector queries = moved(layer_.query), keys = moved(layer_.key);
  Movement m{{}, {}, moved(layer_.value)};
  for (std::size_t h = 0; h < heads(); ++h) m.queries.push_back(length(&queries[h * size]) * Upper::magnitude(scale_));
  for (std::size_t g = 0; g < memory_.size(); ++g) m.keys.push_back(length(&keys[g * size]));
  for (Number& value : m.values) unite(value, a.zero());
  return m;
}

TwoLayers::Reach TwoLayers::reach(std::size_t h, std::int64_t from, const Movement& m) const {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, g = kv_head(h), planes = multiples_.size();
  const Upper per_token = Upper::magnitude(inverse(a, of(a, tokens_))), per_length = Upper::magnitude(inverse(a, of(a, from)));
  const Upper query = length(&query_[h * size]), key = length(&key_[g * size]) + m.keys[g] * per_token, longest = larger(memory_[g].longest_key(), key);
  Reach r;
  r.query_move = m.queries[h] * longest * per_length;
  r.later_move = m.queries[h] * per_length * key + query * m.keys[g] * per_token;
  const Upper each = r.later_move.expm1() + Upper(1), unsure = Upper::radius(mass_->mean(h)).scaled(1) * Upper::magnitude(of(a, from)) * per_token;
  Number log = of(a, from);
  a.div(log, log, of(a, tokens_));
  a.log(log, log);
  const Upper mean = Upper::magnitude(mass_->mean(h));
  r.later = each * (mean * Upper::magnitude(log) + (mass_->excess(h) * per_token).scaled(1) + unsure);
  r.later_growth = each * (mean + unsure);
  // |s'| <= |(K_f |q_f|)|_2 |k|_2 and |s''| <= |(K_f^2 |q_f|)|_2 |k|_2 by the phase.
  Upper slope, bend;
  for (std::size_t f = 0; f < planes; ++f) {
    const Upper x = Upper::magnitude(query_[h * size + f]), y = Upper::magnitude(query_[h * size + f + planes]), one = (x * x + y * y).root() * Upper(static_cast<double>(multiples_[f])),
                two = one * Upper(static_cast<double>(multiples_[f]));
    slope += one * one, bend += two * two;
  }
  slope = slope.root() * longest, bend = bend.root() * longest;
  Number cell = a.zero();
  a.pi(cell);
  a.mul(cell, cell, 2.0 / static_cast<double>(points_));
  const Upper width = Upper::magnitude(cell);
  r.half_cell = (slope * width.scaled(-1)).expm1() + Upper(1);
  r.curvature = width * width * (slope * slope + bend) * r.half_cell * Upper(0.125);
  return r;
}

// Its position is n + |P| - 1.
Vector TwoLayers::query_at(const Number& phase) const {
  const IntervalArithmetic& a = arithmetic();
  std::vector<Operations::Turn> turns = turns_over(a, multiples_, before_ - 1);
  for (std::size_t f = 0; f < turns.size(); ++f) {
    Number angle = phase;
    mpfi_mul_si(IntervalArithmetic::raw(angle), IntervalArithmetic::raw(angle), multiples_[f]);
    Complex z{a.zero(), a.zero()};
    a.cos(z.re, angle), a.sin(z.im, angle);
    z = times(a, z, {turns[f].cosine, turns[f].sine});
    turns[f] = {std::move(z.re), std::move(z.im)};
  }
  Vector query = query_;
  first_.forward().operations().rotate(query, heads(), attention_.head_size, turns);
  return query;
}

// Against all that is remembered, at the phases 2 pi c / points.
const std::vector<TwoLayers::Point>& TwoLayers::circle() {
  if (circle_tokens_ == tokens_) return circle_;
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, whole = static_cast<std::size_t>(before_ + tokens_);
  circle_.assign(points_, {}), circle_tokens_ = tokens_;
  for (std::size_t begin = 0; begin < points_; begin += points_together) {
    std::vector<Vector> queries(points_together);
    for_each_index(points_together, true, [&](std::size_t c) {
      Number phase = a.zero();
      a.pi(phase);
      a.mul(phase, phase, 2.0 * static_cast<double>(begin + c) / static_cast<double>(points_));
      queries[c] = query_at(phase);
    });
    for (std::size_t h = 0; h < heads(); ++h) {
      std::vector<TokenSums::Query> list;
      for (const Vector& query : queries) list.push_back({&query[h * size], whole});
      auto sums = memory_[kv_head(h)].sums(a, list);
      for (std::size_t c = 0; c < points_together; ++c) circle_[begin + c].heads.push_back(std::move(sums[c]));
    }
  }
  return circle_;
}

// n / (all weights) for every n >= from, the known tokens' weights from the limit's query given: these up to e^(query_move), and mean (n - tokens()) up to the excess and e^(later_move). A quotient n / (A + b n) with a
// positive denominator lies between its value at `from` and 1 / b.
std::optional<Number> TwoLayers::per_mass(std::size_t h, std::int64_t from, const Reach& r, const Number& known) const {
  const IntervalArithmetic& a = arithmetic();
  const auto factor = [&](const Upper& move) {
    Number x = a.zero();
    widen(x, move);
    a.exp(x, x);
    return x;
  };
  const Number later = factor(r.later_move);
  Number slope = mass_->mean(h), start = known, off = a.zero(), part = a.zero();
  a.mul(slope, slope, later);
  a.mul(start, start, factor(r.query_move));
  widen(off, mass_->excess(h));
  a.mul(off, off, later);
  a.add(start, start, off);
  a.mul(part, slope, of(a, from - tokens_));
  a.add(start, start, part);  // all weights at n = from
  if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(start)) || !mpfi_is_strictly_pos(IntervalArithmetic::raw(slope))) return std::nullopt;
  Number result = a.zero();
  a.div(result, of(a, from), start);
  unite(result, inverse(a, slope));
  return result;
}

Sloped TwoLayers::sloped(const Vector& shares, const Vector& outputs) const {
  const IntervalArithmetic& a = arithmetic();
  const Slopes by(first_.forward().operations());
  const std::size_t count = shares.size() + outputs.size(), size = attention_.head_size;
  Sloped x = first_.sloped(shares, false), mixed{outputs, std::vector<Vector>(count, Vector(outputs.size(), a.zero()))};
  x.slopes.resize(count, Vector(x.values.size(), a.zero()));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    a.add(mixed.values[i], mixed.values[i], value_[kv_head(i / size) * size + i % size]);
    mixed.slopes[shares.size() + i][i] = a.of(1);
  }
  by.add_layer(layer_, x, mixed);
  if (final_) by.norm(model_.final_norm, x);
  return x;
}

bool TwoLayers::beyond(std::int64_t from, const std::function<bool(const Vector&, std::size_t)>& judge) {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, width = limit_.size(), shares = first_.shares(), outputs = heads() * size;
  const Vector densities = first_.densities(tokens_);
  for (const Number& density : densities)
    if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(density))) return false;
  const Movement m = movement();
  std::vector<Reach> reaches;
  for (std::size_t h = 0; h < heads(); ++h) reaches.push_back(reach(h, from, m));
  const std::vector<Point>& circle = this->circle();
  const auto at = [&](std::size_t c) -> const Point& { return circle[c % points_]; };
  const Number length_from = of(a, from);
  const auto value_of = [&](std::size_t i) -> const Number& { return m.values[kv_head(i / size) * size + i % size]; };

  // What holds of a point's two cells: n over all weights, that times N_n up to what is off the chords, at n = from; and how far it may be off, in the 2-norm.
  struct Cells {
    Number per_mass;
    Upper off;
  };
  std::vector<std::optional<Cells>> cells(points_ * heads());
  std::vector<Vector> numerators(points_);
  for_each_index(points_, true, [&](std::size_t c) {
    for (std::size_t h = 0; h < heads(); ++h) {
      const Reach& r = reaches[h];
      Number known = at(c).heads[h].mass;
      Upper spread;
      for (const std::size_t other : {c + points_ - 1, c, c + 1}) unite(known, at(other).heads[h].mass), spread = larger(spread, at(other).heads[h].spread);
      widen(known, r.curvature * Upper::magnitude(known));
      auto per = per_mass(h, from, r, known);
      if (!per) return;
      const Upper off = spread * (r.curvature + r.query_move.expm1() * r.half_cell) * Upper::magnitude(*per);
      Number later = a.zero(), term = a.zero();
      mpfr_set(upper(later), r.later.get(), MPFR_RNDU);
      for (std::size_t k = 0; k < size; ++k) {
        a.mul(term, value_of(h * size + k), later);
        a.add(term, term, at(c).heads[h].apart[k]);
        a.mul(term, term, *per);
        numerators[c].push_back(term);
      }
      cells[c * heads() + h] = Cells{std::move(*per), off};
    }
  });
  if (!std::all_of(cells.begin(), cells.end(), [](const auto& one) { return one.has_value(); })) return false;

  // from times the second layer's outputs less the limit's is a mean of d and g, too: from 0 to all of these.
  Vector growth, box;
  for (std::size_t i = 0; i < outputs; ++i) {
    Number most = cells[i / size]->per_mass, hull = a.zero(), part = a.zero();
    for (std::size_t c = 0; c < points_; ++c) {
      const Cells& here = *cells[c * heads() + i / size];
      unite(most, here.per_mass);
      part = numerators[c][i];
      widen(part, here.off);
      unite(hull, part);
    }
    part = a.zero();
    mpfr_set(upper(part), reaches[i / size].later_growth.get(), MPFR_RNDU);
    a.mul(part, part, most);
    a.mul(part, part, value_of(i));
    growth.push_back(part);
    unite(hull, part);
    a.div(hull, hull, length_from);
    box.push_back(std::move(hull));
  }
  // The mean value theorem takes the derivatives' mean along the way from the limit: of each part of the way, what contains them up to there.
  const Vector most = shares_up_to(from);
  std::vector<Vector> slopes(shares + outputs, Vector(width, a.zero()));
  for (int part = 1; part <= parts; ++part) {
    const auto scaled = [&](Vector x) {
      for (Number& entry : x) a.mul(entry, entry, static_cast<double>(part) / parts);
      return x;
    };
    const Sloped x = sloped(scaled(most), scaled(box));
    for (std::size_t s = 0; s < slopes.size(); ++s)
      for (std::size_t i = 0; i < width; ++i) {
        Number slope = x.slopes[s][i];
        a.mul(slope, slope, 1.0 / parts);
        a.add(slopes[s][i], slopes[s][i], slope);
      }
  }
  std::vector<Upper> rows(width * heads());  // [i * heads() + h]: at least |d y_i / d o_h|_2
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t h = 0; h < heads(); ++h) {
      Upper sum;
      for (std::size_t k = 0; k < size; ++k) sum += Upper::magnitude(slopes[shares + h * size + k][i]) * Upper::magnitude(slopes[shares + h * size + k][i]);
      rows[i * heads() + h] = sum.root();
    }
  const auto add_outputs = [&](Vector& result, const Vector& moved) {
    Number term = a.zero();
    for (std::size_t i = 0; i < width; ++i)
      for (std::size_t k = 0; k < outputs; ++k) a.mul(term, slopes[shares + k][i], moved[k]), a.add(result[i], result[i], term);
  };
  const auto judged = [&](Vector& result, std::size_t c) {
    for (Number& entry : result) a.div(entry, entry, length_from);
    return is_finite(result) && judge(result, c);
  };

  Vector grown(width, a.zero());
  add_outputs(grown, growth);
  if (!judged(grown, points_)) return false;
  std::atomic<bool> all = true;
  for_each_index(points_, true, [&](std::size_t c) {
    if (!all) return;
    Number phase = of(a, static_cast<std::int64_t>(c) - 1), turn = a.zero(), term = a.zero();
    a.pi(turn);
    a.mul(turn, turn, 2.0 / static_cast<double>(points_));
    unite(phase, of(a, static_cast<std::int64_t>(c) + 1));
    a.mul(phase, phase, turn);
    Vector weights = first_.weights(phase, false), result(width, a.zero());
    for (std::size_t s = 0; s < shares; ++s) {
      a.div(weights[s], weights[s], densities[s % first_.heads()]);
      for (std::size_t i = 0; i < width; ++i) a.mul(term, slopes[s][i], weights[s]), a.add(result[i], result[i], term);
    }
    add_outputs(result, numerators[c]);
    for (std::size_t h = 0; h < heads(); ++h)
      for (std::size_t i = 0; i < width; ++i) widen(result[i], rows[i * heads() + h] * cells[c * heads() + h]->off);
    if (!judged(result, c)) all = false;
  });
  return all;
}

}  // namespace snellen::check
