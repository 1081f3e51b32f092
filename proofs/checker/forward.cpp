#include "proofs/checker/forward.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "lib/error.hpp"

namespace snellen::check {
namespace {

constexpr std::size_t many = 8;  // tokens, from which on several threads are worth it

std::int64_t position_of(const Seat& seat, std::size_t self) { return static_cast<std::int64_t>(seat.trunk + (self - seat.branch)); }

// The seats that a layer with this window shows, oldest first.
std::vector<std::size_t> seen_by(const Seat& seat, std::size_t self, std::optional<std::size_t> window) {
  std::vector<std::size_t> seen;
  for (std::size_t i = 0; i < seat.trunk; ++i) seen.push_back(i);
  for (std::size_t i = seat.branch; i <= self; ++i) seen.push_back(i);
  if (window && seen.size() > *window) seen.erase(seen.begin(), seen.end() - static_cast<std::ptrdiff_t>(*window));
  return seen;
}

void add_each(const IntervalArithmetic& a, std::vector<Vector>& xs, const std::vector<Vector>& ys) {
  for (std::size_t c = 0; c < xs.size(); ++c)
    for (std::size_t i = 0; i < xs[c].size(); ++i) a.add(xs[c][i], xs[c][i], ys[c][i]);
}

}  // namespace

void Forward::norm_all(const std::optional<Norm>& n, std::vector<Vector>& xs, std::size_t groups) const {
  if (n) for_each_index(xs.size(), xs.size() >= many, [&](std::size_t c) { o_.norm(*n, xs[c], groups); });
}

Vector Forward::embedding(Token token, std::int64_t position) const {
  if (token < 0 || static_cast<std::size_t>(token) >= model_.vocabulary)
    throw InputError("family", fmt::format("found token {}, expected one of the model's {}", token, model_.vocabulary));
  const IntervalArithmetic& a = o_.arithmetic();
  Vector x = o_.row(*model_.embedding, static_cast<std::size_t>(token));
  if (!model_.embedding_scale.is_one()) {
    const Number scale = o_.root(model_.embedding_scale);
    for (Number& entry : x) a.mul(entry, entry, scale);
  }
  if (const auto* learned = std::get_if<LearnedPositions>(&model_.positions)) {
    if (static_cast<std::size_t>(position) >= learned->table->rows())
      throw InputError("family", fmt::format("found position {}, beyond the model's table of {} positions", position, learned->table->rows()));
    const Vector row = o_.row(*learned->table, static_cast<std::size_t>(position));
    for (std::size_t i = 0; i < x.size(); ++i) a.add(x[i], x[i], row[i]);
  }
  if (std::holds_alternative<SinusoidalPositions>(model_.positions)) {  // sin and cos of position / 10000^(2f/width), interleaved
    const auto turns = o_.turns(Rotary{10000, model_.width}, position);
    for (std::size_t f = 0; f < turns.size(); ++f) {
      a.add(x[2 * f], x[2 * f], turns[f].sine);
      a.add(x[2 * f + 1], x[2 * f + 1], turns[f].cosine);
    }
  }
  return x;
}

Forward::Projections Forward::project(const Layer& layer, const std::vector<Vector>& xs) const {
  std::vector<Vector> h = xs;
  norm_all(layer.attention_norm, h);
  Projections p{o_.linear(layer.query, h), o_.linear(layer.key, h), o_.linear(layer.value, h)};
  norm_all(layer.query_norm, p.queries, layer.attention.heads);
  norm_all(layer.key_norm, p.keys, layer.attention.kv_heads);
  return p;
}

Vector Forward::attend(const Attention& attention, const Vector& query, const Past& past, const std::vector<std::size_t>& seen, const std::vector<Number>& slopes,
                       const Number& scale) const {
  const IntervalArithmetic& a = o_.arithmetic();
  const std::size_t size = attention.head_size;
  Vector mixed = o_.zeros(attention.heads * size), weights = o_.zeros(seen.size());
  Number term = a.zero();
  for (std::size_t h = 0; h < attention.heads; ++h) {
    const std::size_t shared = h / (attention.heads / attention.kv_heads) * size;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      Number& score = weights[i];
      score = a.zero();
      for (std::size_t j = 0; j < size; ++j) {
        a.mul(term, query[h * size + j], past.keys[seen[i]][shared + j]);
        a.add(score, score, term);
      }
      a.mul(score, score, scale);
      if (attention.softcap) o_.soft_cap(score, *attention.softcap);
      if (!slopes.empty()) {
        a.mul(term, slopes[h], static_cast<double>(seen.size() - 1 - i));
        a.sub(score, score, term);
      }
    }
    // A softmax does not change when one number is taken off all scores.
    double shift = a.near(weights[0]);
    for (const Number& score : weights) shift = std::max(shift, a.near(score));
    const Number off = a.of(shift);
    Number mass = a.zero();
    for (Number& weight : weights) {
      a.sub(weight, weight, off);
      o_.exp(weight);
      a.add(mass, mass, weight);
    }
    for (std::size_t j = 0; j < size; ++j) {
      Number& sum = mixed[h * size + j];
      for (std::size_t i = 0; i < seen.size(); ++i) {
        a.mul(term, weights[i], past.values[seen[i]][shared + j]);
        a.add(sum, sum, term);
      }
      a.div(sum, sum, mass);
    }
  }
  return mixed;
}

void Forward::add_attention(const Layer& layer, std::vector<Vector>& xs, const std::vector<Vector>& mixed) const {
  std::vector<Vector> out = o_.linear(layer.output, mixed);
  norm_all(layer.post_attention_norm, out);
  add_each(o_.arithmetic(), xs, out);
}

void Forward::add_mlp(const Layer& layer, std::vector<Vector>& xs) const {
  if (!layer.up) return;
  const IntervalArithmetic& a = o_.arithmetic();
  std::vector<Vector> h = xs;
  norm_all(layer.mlp_norm, h);
  std::vector<Vector> inner = o_.linear(*layer.up, h), gate;
  if (layer.gate) gate = o_.linear(*layer.gate, h);
  for_each_index(inner.size(), inner.size() >= many, [&](std::size_t c) {
    for (std::size_t i = 0; i < inner[c].size(); ++i) {
      o_.activate(layer.activation, layer.gate ? gate[c][i] : inner[c][i]);
      if (layer.gate) a.mul(inner[c][i], inner[c][i], gate[c][i]);
    }
  });
  std::vector<Vector> out = o_.linear(*layer.down, inner);
  norm_all(layer.post_mlp_norm, out);
  add_each(a, xs, out);
}

Forward::States Forward::run(const std::vector<Seat>& seats) const {
  States states;
  std::vector<Vector>& xs = states.hidden;
  for (std::size_t c = 0; c < seats.size(); ++c) xs.push_back(embedding(seats[c].token, position_of(seats[c], c)));
  std::map<std::pair<double, std::size_t>, std::vector<std::vector<Operations::Turn>>> turns;  // of each seat, once for all layers
  for (const Layer& layer : model_.layers) {
    const Attention& attention = layer.attention;
    Projections p = project(layer, xs);
    if (attention.rotary) {
      auto& table = turns[{attention.rotary->base, attention.rotary->dimensions}];
      if (table.empty()) {
        table.resize(seats.size());
        for_each_index(seats.size(), seats.size() >= many, [&](std::size_t c) { table[c] = o_.turns(*attention.rotary, position_of(seats[c], c)); });
      }
      for_each_index(seats.size(), seats.size() >= many, [&](std::size_t c) {
        o_.rotate(p.queries[c], attention.heads, attention.head_size, table[c]);
        o_.rotate(p.keys[c], attention.kv_heads, attention.head_size, table[c]);
      });
    }
    Past past{std::move(p.keys), std::move(p.values)};
    Vector slopes;
    for (const Slope& slope : attention.alibi) slopes.push_back(o_.slope(slope));
    const Number scale = o_.root(attention.scale);
    std::vector<Vector> mixed(seats.size());
    for_each_index(seats.size(), seats.size() >= many, [&](std::size_t c) { mixed[c] = attend(attention, p.queries[c], past, seen_by(seats[c], c, attention.window), slopes, scale); });
    add_attention(layer, xs, mixed);
    add_mlp(layer, xs);
    states.past.push_back(std::move(past));
  }
  return states;
}

Vector Forward::final(Vector x) const {
  if (model_.final_norm) o_.norm(*model_.final_norm, x, 1);
  return x;
}

}  // namespace snellen::check
