// All n from some length on at once: `chord`, `later_tokens` and `two_layers_again` of proofs/rope.md.
#include <algorithm>
#include <atomic>

#include "proofs/checker/chord.hpp"
#include "proofs/checker/two_layers.hpp"

namespace snellen::check {
namespace {

constexpr std::size_t points_together = 1024;
constexpr int parts = 8;  // of the way from the limit, for each of which derivatives are bounded

Upper larger(const Upper& x, const Upper& y) { return x < y ? y : x; }
Number of(const IntervalArithmetic& a, std::int64_t n) {
  Number x = a.zero();
  mpfi_set_si(IntervalArithmetic::raw(x), n);
  return x;
}
// From 0 to x.
Number up_to(const IntervalArithmetic& a, const Upper& x) {
  Number result = a.zero();
  mpfr_set(upper(result), x.get(), MPFR_RNDU);
  return result;
}
// y += x t.
void add_times(const IntervalArithmetic& a, Vector& y, const Vector& x, const Number& t) {
  Number term = a.zero();
  for (std::size_t i = 0; i < y.size(); ++i) a.mul(term, x[i], t), a.add(y[i], y[i], term);
}
Number inverse(const IntervalArithmetic& a, const Number& x) {
  Number result = a.zero();
  a.div(result, a.of(1), x);
  return result;
}

}  // namespace

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
  Movement m{{}, {}, by.linear(layer_.value, x).slopes, shares_up_to(1)};
  for (Number& share : m.most) unite(share, a.zero());
  const auto moved = [&](const Linear& map) {
    const Sloped y = by.linear(map, x);
    Vector sums = first_.forward().operations().zeros(y.values.size());
    for (std::size_t s = 0; s < m.most.size(); ++s) add_times(a, sums, y.slopes[s], m.most[s]);
    return sums;
  };
  const Vector queries = moved(layer_.query), keys = moved(layer_.key);
  for (std::size_t h = 0; h < heads(); ++h) m.queries.push_back(length(&queries[h * size]) * Upper::magnitude(scale_));
  for (std::size_t g = 0; g < memory_.size(); ++g) m.keys.push_back(length(&keys[g * size]));
  return m;
}

TwoLayers::Reach TwoLayers::reach(std::size_t h, std::int64_t from, const Movement& m, std::size_t points) const {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, g = kv_head(h);
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
  const Chord cell = chord(a, &query_[h * size], multiples_, longest, points);
  r.half_cell = cell.half_cell, r.curvature = cell.curvature;
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

// Of all that is remembered.
std::vector<TwoLayers::Point> TwoLayers::sums_at(const std::vector<std::size_t>& phases) const {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, whole = static_cast<std::size_t>(before_ + tokens_);
  std::vector<Point> result(phases.size());
  for (std::size_t begin = 0; begin < phases.size(); begin += points_together) {
    std::vector<Vector> queries(std::min(points_together, phases.size() - begin));
    for_each_index(queries.size(), true, [&](std::size_t c) {
      Number phase = a.zero();
      a.pi(phase);
      a.mul(phase, phase, 2.0 * static_cast<double>(phases[begin + c]) / static_cast<double>(points_ * fineness));  // a power of two
      queries[c] = query_at(phase);
    });
    for (std::size_t h = 0; h < heads(); ++h) {
      std::vector<TokenSums::Query> list;
      for (const Vector& query : queries) list.push_back({&query[h * size], whole});
      auto sums = memory_[kv_head(h)].sums(a, list);
      for (std::size_t c = 0; c < queries.size(); ++c) result[begin + c].heads.push_back(std::move(sums[c]));
    }
  }
  return result;
}

void TwoLayers::meet_circle() {
  if (circle_tokens_ == tokens_) return;
  std::vector<std::size_t> phases;
  for (std::size_t c = 0; c < points_; ++c) phases.push_back(c * fineness);
  fine_.clear(), circle_ = sums_at(phases), circle_tokens_ = tokens_;
}

namespace {

// The points that these coarse ones are refined to, rising: fineness - 1 on either side, and what is on the way.
std::vector<std::size_t> fine_points(const std::vector<std::size_t>& refined, std::size_t points, std::size_t fineness) {
  std::vector<std::size_t> result;
  for (const std::size_t c : refined)
    for (std::size_t i = 1; i < 2 * fineness; ++i) result.push_back(((c + points) * fineness - fineness + i) % (points * fineness));
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

}  // namespace

void TwoLayers::meet_fine(const std::vector<std::size_t>& phases) {
  std::vector<std::size_t> asked;
  for (const std::size_t c : phases)
    if (c % fineness != 0 && fine_.count(c) == 0) asked.push_back(c);
  std::vector<Point> sums = sums_at(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) fine_.emplace(asked[i], std::move(sums[i]));
}

std::size_t TwoLayers::unknown(const std::vector<std::size_t>& refined) const {
  const std::vector<std::size_t> phases = fine_points(refined, points_, fineness);
  return static_cast<std::size_t>(std::count_if(phases.begin(), phases.end(), [&](std::size_t c) { return c % fineness != 0 && (circle_tokens_ != tokens_ || fine_.count(c) == 0); }));
}

const TwoLayers::Point& TwoLayers::at(std::size_t phase) const {
  phase %= points_ * fineness;
  return phase % fineness == 0 ? circle_[phase / fineness] : fine_.at(phase);
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

std::optional<TwoLayers::Cells> TwoLayers::cells(std::size_t phase, std::size_t distance, std::int64_t from, const std::vector<Reach>& reaches) const {
  const IntervalArithmetic& a = arithmetic();
  const Point &here = at(phase), &before = at(phase + points_ * fineness - distance), &after = at(phase + distance);
  Cells result;
  for (std::size_t h = 0; h < heads(); ++h) {
    const Reach& r = reaches[h];
    Number known = here.heads[h].mass;
    Upper spread;
    for (const Point* const one : {&before, &here, &after}) unite(known, one->heads[h].mass), spread = larger(spread, one->heads[h].spread);
    widen(known, r.curvature * Upper::magnitude(known));
    auto per = per_mass(h, from, r, known);
    if (!per) return std::nullopt;
    const Upper off = spread * (r.curvature + r.query_move.expm1() * r.half_cell) * Upper::magnitude(*per);
    for (const Number& apart : here.heads[h].apart) {
      result.numerators.push_back(a.zero());
      a.mul(result.numerators.back(), apart, *per);
    }
    result.heads.push_back({std::move(*per), off});
  }
  return result;
}

bool TwoLayers::beyond(std::int64_t from, Judge& judge) {
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention_.head_size, width = limit_.size(), shares = first_.shares(), outputs = heads() * size;
  const Vector densities = first_.densities(tokens_);
  for (const Number& density : densities)
    if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(density))) return false;
  const Movement m = movement();
  const auto reaches = [&](std::size_t points) {
    std::vector<Reach> result;
    for (std::size_t h = 0; h < heads(); ++h) result.push_back(reach(h, from, m, points));
    return result;
  };
  const std::vector<Reach> coarse = reaches(points_);
  meet_circle();
  const Number length_from = of(a, from);

  std::vector<std::optional<Cells>> circle(points_);
  for_each_index(points_, true, [&](std::size_t c) { circle[c] = cells(c * fineness, fineness, from, coarse); });
  if (!std::all_of(circle.begin(), circle.end(), [](const auto& one) { return one.has_value(); })) return false;

  // from times the second layer's outputs less the limit's is a mean of d and g, too: from 0 to all of these.
  std::vector<Number> largest_per_mass;
  for (std::size_t h = 0; h < heads(); ++h) {
    Number most = circle[0]->heads[h].per_mass;
    for (const std::optional<Cells>& here : circle) unite(most, here->heads[h].per_mass);
    largest_per_mass.push_back(std::move(most));
  }
  Vector box;
  for (std::size_t i = 0; i < outputs; ++i) {
    const std::size_t h = i / size;
    Number hull = a.zero(), part = a.zero(), sum = a.zero();
    for (const std::optional<Cells>& here : circle) {
      part = here->numerators[i];
      widen(part, here->heads[h].off);
      unite(hull, part);
    }
    for (std::size_t s = 0; s < shares; ++s) a.mul(part, m.values[s][kv_head(h) * size + i % size], m.most[s]), a.add(sum, sum, part);
    a.mul(sum, sum, largest_per_mass[h]);
    a.mul(sum, sum, up_to(a, coarse[h].later + coarse[h].later_growth));
    a.add(hull, hull, sum);
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
  // What one later token's 1/j in a head's numerator makes of y, per its share of n over all weights: the maps multiplied before boxes are, which loses little.
  std::vector<Vector> by_later(heads(), Vector(width, a.zero()));
  for (std::size_t h = 0; h < heads(); ++h)
    for (std::size_t s = 0; s < shares; ++s) {
      Vector moved(width, a.zero());
      for (std::size_t k = 0; k < size; ++k) add_times(a, moved, slopes[shares + h * size + k], m.values[s][kv_head(h) * size + k]);
      add_times(a, by_later[h], moved, m.most[s]);
    }
  const auto per_length = [&](Vector& result) {
    for (Number& entry : result) a.div(entry, entry, length_from);
    return is_finite(result);
  };
  // d at a point (in the unit of sums_at), for the cells that reach as far as this.
  const auto box_of = [&](std::size_t point, std::size_t distance, const Cells& here) {
    Number phase = of(a, static_cast<std::int64_t>(point) - static_cast<std::int64_t>(distance)), turn = a.zero();
    a.pi(turn);
    a.mul(turn, turn, 2.0 / static_cast<double>(points_ * fineness));
    unite(phase, of(a, static_cast<std::int64_t>(point + distance)));
    a.mul(phase, phase, turn);
    Vector weights = first_.weights(phase, false), result(width, a.zero());
    for (std::size_t s = 0; s < shares; ++s) {
      a.div(weights[s], weights[s], densities[s % first_.heads()]);
      add_times(a, result, slopes[s], weights[s]);
    }
    for (std::size_t k = 0; k < outputs; ++k) add_times(a, result, slopes[shares + k], here.numerators[k]);
    for (std::size_t h = 0; h < heads(); ++h) {
      Number later = up_to(a, coarse[h].later);
      a.mul(later, later, here.heads[h].per_mass);
      add_times(a, result, by_later[h], later);
      for (std::size_t i = 0; i < width; ++i) widen(result[i], rows[i * heads() + h] * here.heads[h].off);
    }
    return result;
  };

  Vector grown(width, a.zero());
  for (std::size_t h = 0; h < heads(); ++h) {
    Number growth = up_to(a, coarse[h].later_growth);
    a.mul(growth, growth, largest_per_mass[h]);
    add_times(a, grown, by_later[h], growth);
  }
  if (!per_length(grown)) return false;
  judge.later(grown);
  std::atomic<bool> all = true;
  for_each_index(points_, true, [&](std::size_t c) {
    if (!all) return;
    Vector off = box_of(c * fineness, fineness, *circle[c]);
    if (!per_length(off) || !judge.point(off, c)) all = false;
  });
  if (!all) return false;
  const auto refined = judge.refined();
  if (!refined) return false;
  const std::vector<std::size_t> phases = fine_points(*refined, points_, fineness);
  const std::vector<Reach> fine = reaches(points_ * fineness);
  meet_fine(phases);
  for_each_index(phases.size(), true, [&](std::size_t i) {
    if (!all) return;
    const auto here = cells(phases[i], 1, from, fine);
    if (!here) return all.store(false);
    Vector off = box_of(phases[i], 1, *here);
    if (!per_length(off) || !judge.fine(off, phases[i])) all = false;
  });
  return all;
}

}  // namespace snellen::check
