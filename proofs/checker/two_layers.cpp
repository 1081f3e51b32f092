#include "proofs/checker/two_layers.hpp"

#include <algorithm>

namespace snellen::check {
namespace {

constexpr std::int64_t chunk = 2048;           // tokens that are followed together
constexpr std::size_t fewest_points = 4096, most_points = std::size_t{1} << 18;
constexpr std::int64_t points_of_turn = 32;

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

}  // namespace snellen::check
