#include "lib/world/reverse_attention.hpp"

#include <algorithm>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/ball_slopes.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// An exact number near the largest score: a softmax does not change when one number is subtracted from all scores.
void set_shift(arb_ptr shift, const BallVector& scores) {
  std::size_t largest = 0;
  for (std::size_t i = 1; i < scores.size(); ++i)
    if (arf_cmp(arb_midref(scores[i]), arb_midref(scores[largest])) > 0) largest = i;
  arb_zero(shift);
  if (arf_is_finite(arb_midref(scores[largest]))) arf_set_round(arb_midref(shift), arb_midref(scores[largest]), 64, ARF_RND_NEAR);
}

void set_weights(SoftmaxRow& row, long bits) {
  Ball shift, mass;
  set_shift(shift, row.scores);
  for (std::size_t i = 0; i < row.scores.size(); ++i) {
    arb_sub(row.weights[i], row.scores[i], shift, bits);
    arb_exp(row.weights[i], row.weights[i], bits);
    arb_add(mass, mass, row.weights[i], bits);
  }
  arb_inv(mass, mass, bits);
  for (std::size_t i = 0; i < row.scores.size(); ++i) {
    arb_mul(row.weights[i], row.weights[i], mass, bits);
    arb_set_round(row.weights[i], row.weights[i], deserved_bits(row.weights[i], bits));
  }
}

// Rows [row, row + size) of the given columns, contiguous: [columns][size].
BallVector gathered(const BallMatrix& x, std::size_t row, std::size_t size, std::span<const std::size_t> columns) {
  BallVector result(columns.size() * size);
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < size; ++i) arb_set(result[c * size + i], x(row + i, columns[c]));
  return result;
}

void dot(arb_ptr result, arb_srcptr initial, const BallVector& x, std::size_t x_begin, std::size_t x_step, const BallVector& y, std::size_t y_begin, std::size_t y_step,
         std::size_t count, long bits) {
  if (count == 0) {
    if (initial) arb_set(result, initial);
    else arb_zero(result);
    return;
  }
  arb_dot(result, initial, 0, x[x_begin], static_cast<slong>(x_step), y[y_begin], static_cast<slong>(y_step), static_cast<slong>(count), bits);
}

}  // namespace

AttentionStep attention_step(const Attention& a, std::span<const Column> columns, std::shared_ptr<const BallMatrix> q, std::shared_ptr<const BallMatrix> k,
                             std::shared_ptr<const BallMatrix> v, long bits) {
  AttentionStep step{a, {columns.begin(), columns.end()}, std::move(q), std::move(k), std::move(v), std::vector<SoftmaxRow>(a.heads * columns.size())};
  Ball scale;
  set_root(scale, a.scale, bits);
  BallVector alibi(a.alibi.size());
  for (std::size_t h = 0; h < a.alibi.size(); ++h) set_slope(alibi[h], a.alibi[h], bits);
  const auto stride = static_cast<slong>(columns.size());
  parallel_for(step.rows.size(), [&](std::size_t job) {
    const std::size_t h = job / columns.size(), c = job % columns.size(), g = h / (a.heads / a.kv_heads);
    const View view = step.view(c);
    SoftmaxRow& row = step.rows[job];
    row.scores = BallVector(view.size()), row.weights = BallVector(view.size()), row.slopes = BallVector(view.size());
    Ball t;
    for (std::size_t i = 0; i < view.size(); ++i) {
      arb_ptr s = row.scores[i];
      arb_dot(s, nullptr, 0, (*step.q)(h * a.head_size, c), stride, (*step.k)(g * a.head_size, view.entry(i)), stride, static_cast<slong>(a.head_size), bits);
      arb_mul(s, s, scale, bits);
      arb_set(row.slopes[i], scale);
      if (a.softcap) {
        apply_softcap_slope(t, s, *a.softcap, bits);
        arb_mul(row.slopes[i], scale, t, bits);
        apply_softcap(s, s, *a.softcap, bits);
      }
      if (a.alibi.empty()) continue;
      arb_mul_si(t, alibi[h], columns[c].position - (view.first_position + static_cast<std::int64_t>(i)), bits);
      arb_sub(s, s, t, bits);
    }
    set_weights(row, bits);
  });
  return step;
}

AttentionCotangents pull(const AttentionStep& step, const Cotangents& dy, long bits) {
  const Attention& a = step.attention;
  const std::size_t size = a.head_size, share = a.heads / a.kv_heads;
  // The entries that a direction's columns see, and where they stand among the slots of keys and values.
  struct Group {
    std::size_t begin, end, first;       // slots of dy; the first slot of its entries
    std::vector<std::size_t> columns, entries;
    std::vector<std::vector<std::size_t>> places;  // [column]: of each entry of its view
    std::vector<std::size_t> starts;     // [entry]: the first column that sees it
  };
  AttentionCotangents result;
  std::vector<Group> groups;
  for (const auto& [begin, end] : dy.groups()) {
    Group group{begin, end, result.k.slots.size(), {}, {}, {}, {}};
    for (std::size_t s = begin; s < end; ++s) {
      group.columns.push_back(dy.slots[s].column);
      const View view = step.view(dy.slots[s].column);
      for (std::size_t i = 0; i < view.size(); ++i) group.entries.push_back(view.entry(i));
    }
    std::sort(group.entries.begin(), group.entries.end());
    group.entries.erase(std::unique(group.entries.begin(), group.entries.end()), group.entries.end());
    group.starts.assign(group.entries.size(), group.columns.size());
    for (std::size_t s = 0; s < group.columns.size(); ++s) {
      const View view = step.view(group.columns[s]);
      std::vector<std::size_t>& places = group.places.emplace_back();
      for (std::size_t i = 0; i < view.size(); ++i) {
        places.push_back(static_cast<std::size_t>(std::lower_bound(group.entries.begin(), group.entries.end(), view.entry(i)) - group.entries.begin()));
        group.starts[places.back()] = std::min(group.starts[places.back()], s);
      }
    }
    for (const std::size_t entry : group.entries) result.k.slots.push_back({dy.slots[begin].direction, entry});
    groups.push_back(std::move(group));
  }
  result.v.slots = result.k.slots;
  result.q.slots = dy.slots;
  result.q.values = BallMatrix(a.heads * size, dy.size());
  result.k.values = BallMatrix(a.kv_heads * size, result.k.size());
  result.v.values = BallMatrix(a.kv_heads * size, result.k.size());

  parallel_for(groups.size() * a.kv_heads, [&](std::size_t job) {
    const Group& group = groups[job / a.kv_heads];
    const std::size_t g = job % a.kv_heads, count = group.columns.size(), entries = group.entries.size();
    const BallVector keys = gathered(*step.k, g * size, size, group.entries), values = gathered(*step.v, g * size, size, group.entries);
    std::vector<std::size_t> slots(count);
    for (std::size_t s = 0; s < count; ++s) slots[s] = group.begin + s;
    for (std::size_t h = g * share; h < (g + 1) * share; ++h) {
      const BallVector queries = gathered(*step.q, h * size, size, group.columns), dO = gathered(dy.values, h * size, size, slots);
      BallVector weights(count * entries), changes(count * entries);  // alpha and r, zero where nothing is seen
      Ball mean;
      for (std::size_t s = 0; s < count; ++s) {
        const SoftmaxRow& row = step.row(h, group.columns[s]);
        const std::vector<std::size_t>& places = group.places[s];
        for (std::size_t i = 0; i < places.size(); ++i) {
          arb_set(weights[s * entries + places[i]], row.weights[i]);
          dot(changes[s * entries + places[i]], nullptr, dO, s * size, 1, values, places[i] * size, 1, size, bits);
        }
        arb_zero(mean);
        for (std::size_t i = 0; i < places.size(); ++i) arb_addmul(mean, row.weights[i], changes[s * entries + places[i]], bits);
        for (std::size_t i = 0; i < places.size(); ++i) {
          arb_ptr r = changes[s * entries + places[i]];
          arb_sub(r, r, mean, bits);
          arb_mul(r, r, row.weights[i], bits);
          arb_mul(r, r, row.slopes[i], bits);
          arb_set_round(r, r, deserved_bits(r, bits));
        }
        const auto [low, high] = std::minmax_element(places.begin(), places.end());
        for (std::size_t j = 0; j < size; ++j)
          dot(result.q.values(h * size + j, group.begin + s), nullptr, changes, s * entries + *low, 1, keys, *low * size + j, size, *high + 1 - *low, bits);
      }
      for (std::size_t e = 0; e < entries; ++e) {
        const std::size_t start = group.starts[e];
        for (std::size_t j = 0; j < size; ++j) {
          arb_ptr dk = result.k.values(g * size + j, group.first + e), dv = result.v.values(g * size + j, group.first + e);
          dot(dk, dk, changes, start * entries + e, entries, queries, start * size + j, size, count - start, bits);
          dot(dv, dv, weights, start * entries + e, entries, dO, start * size + j, size, count - start, bits);
        }
      }
    }
  });
  trim(result.q.values, bits), trim(result.k.values, bits), trim(result.v.values, bits);
  return result;
}

}  // namespace snellen
