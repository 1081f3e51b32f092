#include "proofs/checker/two_layers.hpp"

#include <algorithm>
#include <atomic>

namespace snellen::check {
namespace {

constexpr std::int64_t chunk = 2048;           // tokens that are followed together
constexpr std::size_t points_together = 2048;

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
  if (layer.query_norm || layer.key_norm) return "norms of queries and keys in a second layer";
  return std::nullopt;
}

TwoLayers::TwoLayers(const Model& model, const CertificateSequences& s, bool final, long bits, long smallest_mode)
    : model_(model), below_(first_layer_of(model)), layer_(model.layers[1]), attention_(layer_.attention), first_(below_, s, bits, smallest_mode), final_(final),
      before_(static_cast<std::int64_t>(s.prefix.size())), multiples_(multiples_of_one(*attention_.rotary)), scale_(first_.forward().operations().root(attention_.scale)),
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
    for (ShareRun::Two& two : first_.with_masses(masses, begin)) states.push_back(std::move(two.hidden));
    Forward::Projections p = forward.project(layer_, states);
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

// With the state a function of the shares alpha, 0 <= j alpha_s(j) <= most_s: |j (v_j - v)| <= sum of |dv/dalpha_s| most_s, entry by entry.
TwoLayers::Movement TwoLayers::movement(const Sloped& state) const {
  const Slopes by(first_.forward().operations());
  const std::size_t size = attention_.head_size;
  Sloped x = state;
  by.norm(layer_.attention_norm, x);
  const Vector largest = first_.largest_weights(), densities = first_.densities(tokens_);
  std::vector<Upper> most;
  for (std::size_t s = 0; s < first_.shares(); ++s) most.push_back(Upper::magnitude(largest[s]) * Upper::magnitude(inverse(arithmetic(), densities[s % first_.heads()])));
  const auto moved = [&](const Linear& map, std::size_t count) {
    const Sloped y = by.linear(map, x);
    std::vector<Upper> result;
    for (std::size_t h = 0; h < count; ++h) {
      Upper squares;
      for (std::size_t i = h * size; i < (h + 1) * size; ++i) {
        Upper entry;
        for (std::size_t s = 0; s < most.size(); ++s) entry += Upper::magnitude(y.slopes[s][i]) * most[s];
        squares += entry * entry;
      }
      result.push_back(squares.root());
    }
    return result;
  };
  Movement m{moved(layer_.query, heads()), moved(layer_.key, attention_.kv_heads), moved(layer_.value, attention_.kv_heads)};
  for (Upper& q : m.queries) q *= Upper::magnitude(scale_);
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
  const Upper each = (r.later_move.expm1() + Upper(1)) * m.values[g], unsure = Upper::radius(mass_->mean(h)).scaled(1) * Upper::magnitude(of(a, from)) * per_token;
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
  a.mul(cell, cell, 2.0 / static_cast<double>(points));
  const Upper width = Upper::magnitude(cell);
  r.half_cell = (slope * width.scaled(-1)).expm1() + Upper(1);
  r.curvature = width * width * (slope * slope + bend) * r.half_cell * Upper(0.125);
  return r;
}

// The limit's query at the position of a token with the phase 2 pi c / points against all that is remembered.
std::vector<TwoLayers::Point> TwoLayers::circle() const {
  const Operations& o = first_.forward().operations();
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, whole = static_cast<std::size_t>(before_ + tokens_);
  Vector base = query_;  // at the phase 0: the last token's position is n + |P| - 1
  o.rotate(base, heads(), size, turns_over(a, multiples_, before_ - 1));
  std::vector<Point> result(points);
  for (std::size_t begin = 0; begin < points; begin += points_together) {
    std::vector<Vector> queries(points_together, base);
    for_each_index(points_together, true, [&](std::size_t c) {
      std::vector<Operations::Turn> at;
      for (const std::int64_t multiple : multiples_) {
        Number angle = a.zero();
        a.pi(angle);
        a.mul(angle, angle, 2.0 * static_cast<double>(static_cast<std::size_t>(multiple) * (begin + c) % points) / static_cast<double>(points));
        Operations::Turn turn{a.zero(), a.zero()};
        a.cos(turn.cosine, angle), a.sin(turn.sine, angle);
        at.push_back(std::move(turn));
      }
      o.rotate(queries[c], heads(), size, at);
    });
    for (std::size_t h = 0; h < heads(); ++h) {
      std::vector<TokenSums::Query> list;
      for (const Vector& query : queries) list.push_back({&query[h * size], whole});
      auto sums = memory_[kv_head(h)].sums(a, list);
      for (std::size_t c = 0; c < points_together; ++c) result[begin + c].heads.push_back(std::move(sums[c]));
    }
  }
  return result;
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

bool TwoLayers::beyond(std::int64_t from, const std::function<bool(const Vector&, std::size_t)>& judge) const {
  const Operations& o = first_.forward().operations();
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, width = limit_.size(), shares = first_.shares();
  const Vector densities = first_.densities(tokens_), largest = first_.largest_weights();
  for (const Number& density : densities)
    if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(density))) return false;
  Vector per_first, most;
  for (const Number& density : densities) per_first.push_back(inverse(a, density));
  for (std::size_t s = 0; s < shares; ++s) {
    most.push_back(largest[s]);
    a.mul(most[s], most[s], per_first[s % first_.heads()]);
    a.div(most[s], most[s], of(a, tokens_));
  }
  const Sloped state = first_.sloped(most, false);
  const Movement m = movement(state);
  std::vector<Reach> reaches;
  for (std::size_t h = 0; h < heads(); ++h) reaches.push_back(reach(h, from, m));
  const std::vector<Point> circle = this->circle();
  const auto at = [&](std::size_t c) -> const Point& { return circle[c % points]; };

  // What holds of a point's two cells: n over all weights, and how far N_n may be from the chords, at n = from.
  const Upper per_length = Upper::magnitude(inverse(a, of(a, from)));
  struct Cells { Number per_mass; Upper off; };
  std::vector<std::optional<Cells>> cells(points * heads());
  for_each_index(points, true, [&](std::size_t c) {
    for (std::size_t h = 0; h < heads(); ++h) {
      const Reach& r = reaches[h];
      Number known = at(c).heads[h].mass;
      Upper spread;
      for (const std::size_t other : {c + points - 1, c, c + 1}) unite(known, at(other).heads[h].mass), spread = larger(spread, at(other).heads[h].spread);
      widen(known, r.curvature * Upper::magnitude(known));
      const Upper off = spread * (r.curvature + r.query_move.expm1() * r.half_cell) + r.later;
      if (auto per = per_mass(h, from, r, known)) cells[c * heads() + h] = Cells{std::move(*per), off};
    }
  });
  if (!std::all_of(cells.begin(), cells.end(), [](const auto& one) { return one.has_value(); })) return false;

  // The second layer's outputs for all n >= from: |N_n| / n is a mean of what it is at most at n = from, over `from`, and of later_growth / from.
  std::vector<Upper> apart(heads()), growth(heads());
  for (std::size_t h = 0; h < heads(); ++h) {
    Upper per_mass, numerator;
    for (std::size_t c = 0; c < points; ++c) {
      const Cells& here = *cells[c * heads() + h];
      per_mass = larger(per_mass, Upper::magnitude(here.per_mass));
      numerator = larger(numerator, length(at(c).heads[h].apart.data()) + here.off);
    }
    growth[h] = per_mass * reaches[h].later_growth;
    apart[h] = larger(per_mass * numerator, growth[h]) * per_length;
  }
  // Derivatives by the first layer's shares, then by the outputs.
  Sloped x = state, mixed{o.zeros(heads() * size), std::vector<Vector>(shares + heads() * size, o.zeros(heads() * size))};
  x.slopes.resize(shares + heads() * size, o.zeros(width));
  for (std::size_t i = 0; i < heads() * size; ++i) {
    mixed.values[i] = value_[kv_head(i / size) * size + i % size];
    widen(mixed.values[i], apart[i / size]);
    mixed.slopes[shares + i][i] = a.of(1);
  }
  const Slopes by(o);
  by.add_layer(layer_, x, mixed);
  if (final_) by.norm(model_.final_norm, x);
  std::vector<Upper> rows(width * heads());  // [i * heads() + h]: at least |d y_i / d o_h|_2
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t h = 0; h < heads(); ++h) {
      Upper sum;
      for (std::size_t k = 0; k < size; ++k) sum += Upper::magnitude(x.slopes[shares + h * size + k][i]) * Upper::magnitude(x.slopes[shares + h * size + k][i]);
      rows[i * heads() + h] = sum.root();
    }

  Vector box = o.zeros(width);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t h = 0; h < heads(); ++h) widen(box[i], rows[i * heads() + h] * growth[h] * per_length);
  if (!is_finite(box) || !judge(box, points)) return false;
  std::atomic<bool> all = true;
  for_each_index(points, true, [&](std::size_t c) {
    if (!all) return;
    Number phase = a.zero(), turn = a.zero(), term = a.zero();
    a.pi(turn);
    a.mul(turn, turn, 2.0 / static_cast<double>(points));
    phase = of(a, static_cast<std::int64_t>(c) - 1);
    unite(phase, of(a, static_cast<std::int64_t>(c) + 1));
    a.mul(phase, phase, turn);
    const Vector weights = first_.weights(phase, false);
    Vector result = o.zeros(width);
    for (std::size_t s = 0; s < shares; ++s) {
      Number share = weights[s];
      a.mul(share, share, per_first[s % first_.heads()]);
      for (std::size_t i = 0; i < width; ++i) {
        a.mul(term, x.slopes[s][i], share);
        a.add(result[i], result[i], term);
      }
    }
    for (std::size_t h = 0; h < heads(); ++h) {
      const Cells& here = *cells[c * heads() + h];
      Vector sums = at(c).heads[h].apart;
      for (std::size_t k = 0; k < size; ++k) a.mul(sums[k], sums[k], here.per_mass);
      const Upper off = here.off * Upper::magnitude(here.per_mass);
      for (std::size_t i = 0; i < width; ++i) {
        for (std::size_t k = 0; k < size; ++k) {
          a.mul(term, x.slopes[shares + h * size + k][i], sums[k]);
          a.add(result[i], result[i], term);
        }
        widen(result[i], rows[i * heads() + h] * off);
      }
    }
    for (Number& entry : result) a.div(entry, entry, of(a, from));
    if (!is_finite(result) || !judge(result, c)) all = false;
  });
  return all;
}

}  // namespace snellen::check
