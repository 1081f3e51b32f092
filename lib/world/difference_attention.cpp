#include "lib/world/difference_attention.hpp"

#include <algorithm>

#include "lib/number/exp_lanes.hpp"
#include "lib/world/ball_attention.hpp"
#include "lib/world/difference_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// Vectors of tokens one after the other, for dot products, and which of their heads are exactly zero.
class TokenVectors {
 public:
  // Token places[c] of [width, ...], times a factor where there is one, is column c's, zero where it is no_column.
  TokenVectors(const BallMatrix& x, std::span<const std::size_t> places, std::size_t heads, const Ball* factor = nullptr, long bits = 0)
      : width_(x.rows()), heads_(heads), entries_(x.rows() * places.size()), zero_(heads * places.size(), true) {
    parallel_for(places.size(), [&](std::size_t c) {
      if (places[c] == no_column) return;
      for (std::size_t i = 0; i < width_; ++i) {
        if (factor) arb_mul(entries_[c * width_ + i], x(i, places[c]), *factor, bits);
        else arb_set(entries_[c * width_ + i], x(i, places[c]));
        if (!arb_is_zero(x(i, places[c]))) zero_[c * heads_ + i / (width_ / heads_)] = false;
      }
    });
  }
  slong width() const { return static_cast<slong>(width_); }
  arb_srcptr head(std::size_t c, std::size_t h) const { return entries_[c * width_ + h * (width_ / heads_)]; }
  bool is_zero(std::size_t c, std::size_t h) const { return zero_[c * heads_ + h] != 0; }

 private:
  std::size_t width_, heads_;
  BallVector entries_;
  std::vector<char> zero_;  // written by several threads: no vector<bool>
};

std::vector<std::size_t> all_columns(std::size_t count) {
  std::vector<std::size_t> result(count);
  for (std::size_t c = 0; c < count; ++c) result[c] = c;
  return result;
}

std::vector<std::size_t> places_of(const ColumnPairs& pairs, std::size_t columns) {
  std::vector<std::size_t> result(columns, no_column);
  for (std::size_t i = 0; i < pairs.first.size(); ++i) result[pairs.first[i]] = i;
  return result;
}

bool sees(const View& view, std::size_t entry) {
  return (view.trunk_begin <= entry && entry < view.trunk_end) || (view.branch_begin <= entry && entry < view.branch_end);
}

class Comparison {
 public:
  Comparison(const Attention& a, PairedBlock q, PairedBlock k, PairedBlock v, const BallMatrix& mixed, std::span<const Column> columns,
             std::span<const std::size_t> counterparts, const ColumnPairs& pairs, long bits)
      : a_(a),
        columns_(columns),
        counterparts_(counterparts),
        pairs_(pairs),
        mixed_(mixed),
        bits_(bits),
        constants_(a, bits),
        places_(places_of(pairs, columns.size())),
        q_(q.x, all_columns(columns.size()), a.heads, &constants_.scale, bits),
        k_(k.x, all_columns(columns.size()), a.kv_heads),
        v_(v.x, all_columns(columns.size()), a.kv_heads),
        dq_(q.d, places_, a.heads, &constants_.scale, bits),
        dk_(k.d, places_, a.kv_heads),
        dv_(v.d, places_, a.kv_heads),
        classes_(a.kv_heads) {
    for (std::size_t g = 0; g < a.kv_heads; ++g) classes_[g] = equal_values(g);
  }

  // Head h of pair i.
  void run(std::size_t i, std::size_t h, BallMatrix& result) const {
    const std::size_t c = pairs_.first[i], other = pairs_.second[i], g = h / (a_.heads / a_.kv_heads), row = h * a_.head_size;
    const View view = visible(columns_[c], c, a_.window), after = visible(columns_[other], other, a_.window);
    if (all_equal(classes_[g], view, after) || nothing_moves(c, other, h, g, view, after)) return;  // zero, as the result was made

    const std::size_t count = view.size();
    BallVector scores(count), steps(count);
    std::vector<char> paired(count, false);
    std::vector<char> met(after.size(), false);
    const auto place_after = [&](std::size_t entry) {
      return entry < after.trunk_end ? entry - after.trunk_begin : after.trunk_end - after.trunk_begin + (entry - after.branch_begin);
    };
    BallVector moved(a_.head_size);  // q + dq, in the frame of c
    for (std::size_t j = 0; j < a_.head_size; ++j) arb_add(moved[j], q_.head(c, h) + j, dq_.head(c, h) + j, bits_);
    for (std::size_t e = 0; e < count; ++e) {
      const std::size_t entry = view.entry(e), partner = counterparts_[entry];
      score(scores[e], q_.head(c, h), k_.head(entry, g));
      paired[e] = partner != no_column && sees(after, partner);
      if (paired[e]) {
        met[place_after(partner)] = true;
        score_step(steps[e], scores[e], c, other, entry, partner, h, g, moved);
      }
      finish_score(a_, constants_, scores[e], h, columns_[c].position - columns_[entry].position, bits_);
    }
    const Ball shift = centre(scores, bits_);
    std::vector<arb_ptr> weights;
    for (std::size_t e = 0; e < count; ++e) weights.push_back(scores[e]);
    exponentials(weights, std::vector<slong>(count, bits_));

    // What multiplies v_e - o, what multiplies v'_e' - v_e, their sums, and W'.
    BallVector by_value(count), by_change(count);
    Ball total, mass, t;
    for (std::size_t e = 0; e < count; ++e) {
      if (!paired[e]) {
        arb_neg(by_value[e], scores[e]);
      } else if (arb_is_zero(steps[e])) {
        arb_set(by_change[e], scores[e]);
      } else {
        arb_expm1(by_value[e], steps[e], bits_);
        arb_mul(by_value[e], by_value[e], scores[e], bits_);
        arb_add(by_change[e], by_value[e], scores[e], bits_);
      }
      arb_add(total, total, by_value[e], bits_);
      arb_add(mass, mass, by_change[e], bits_);
    }
    std::vector<std::size_t> extras;
    for (std::size_t e = 0; e < after.size(); ++e)
      if (!met[e]) extras.push_back(after.entry(e));
    BallVector extra_weights(extras.size());
    for (std::size_t e = 0; e < extras.size(); ++e) {
      arb_ptr w = extra_weights[e];
      score(w, q_.head(other, h), k_.head(extras[e], g));
      finish_score(a_, constants_, w, h, columns_[other].position - columns_[extras[e]].position, bits_);
      arb_sub(w, w, shift, bits_);
      arb_exp(w, w, bits_);
      arb_add(total, total, w, bits_);
      arb_add(mass, mass, w, bits_);
    }

    const auto in_trunk = static_cast<slong>(view.trunk_end - view.trunk_begin), in_branch = static_cast<slong>(view.branch_end - view.branch_begin);
    const auto add_products = [&](arb_ptr sum, const BallVector& factors, const TokenVectors& vectors, std::size_t j) {
      if (in_trunk > 0) arb_dot(sum, sum, 0, factors[0], 1, vectors.head(view.trunk_begin, g) + j, vectors.width(), in_trunk, bits_);
      if (in_branch > 0)
        arb_dot(sum, sum, 0, factors[static_cast<std::size_t>(in_trunk)], 1, vectors.head(view.branch_begin, g) + j, vectors.width(), in_branch, bits_);
    };
    for (std::size_t j = 0; j < a_.head_size; ++j) {
      arb_ptr sum = result(row + j, i);
      add_products(sum, by_value, v_, j);
      for (std::size_t e = 0; e < extras.size(); ++e) arb_addmul(sum, extra_weights[e], v_.head(extras[e], g) + j, bits_);
      arb_mul(t, mixed_(row + j, c), total, bits_);
      arb_sub(sum, sum, t, bits_);
      add_products(sum, by_change, dv_, j);
      arb_div(sum, sum, mass, bits_);
    }
  }

 private:
  void score(arb_ptr s, arb_srcptr q, arb_srcptr k) const {
    arb_dot(s, nullptr, 0, q, 1, k, 1, static_cast<slong>(a_.head_size), bits_);
  }

  // t_e, of a scaled product s before soft-cap and slope.
  void score_step(arb_ptr t, arb_srcptr s, std::size_t c, std::size_t other, std::size_t entry, std::size_t partner, std::size_t h, std::size_t g,
                  const BallVector& moved) const {
    const std::int64_t shift = columns_[other].position - columns_[c].position, entry_shift = columns_[partner].position - columns_[entry].position;
    const auto size = static_cast<slong>(a_.head_size);
    if (!a_.rotary || shift == entry_shift) {
      if (!dq_.is_zero(c, h)) arb_dot(t, nullptr, 0, dq_.head(c, h), 1, k_.head(entry, g), 1, size, bits_);
      if (!dk_.is_zero(entry, g)) arb_dot(t, t, 0, moved[0], 1, dk_.head(entry, g), 1, size, bits_);
    } else {
      score(t, q_.head(other, h), k_.head(partner, g));
      arb_sub(t, t, s, bits_);
    }
    if (a_.softcap) softcap_difference(t, s, t, *a_.softcap, bits_);
    if (a_.alibi.empty() || shift == entry_shift) return;
    Ball slope;
    arb_mul_si(slope, constants_.slopes[h], shift - entry_shift, bits_);
    arb_sub(t, t, slope, bits_);
  }

  // Every entry is paired, and neither scores nor values change: a run that has left every window.
  bool nothing_moves(std::size_t c, std::size_t other, std::size_t h, std::size_t g, const View& view, const View& after) const {
    if (!dq_.is_zero(c, h) || view.size() != after.size()) return false;
    const std::int64_t shift = columns_[other].position - columns_[c].position;
    for (std::size_t e = 0; e < view.size(); ++e) {
      const std::size_t entry = view.entry(e), partner = counterparts_[entry];
      if (partner == no_column || !sees(after, partner) || !dk_.is_zero(entry, g) || !dv_.is_zero(entry, g)) return false;
      if ((a_.rotary || !a_.alibi.empty()) && columns_[partner].position - columns_[entry].position != shift) return false;
    }
    return true;
  }

  // A number for each column, equal where the values of two columns are known to be one vector.
  std::vector<std::size_t> equal_values(std::size_t g) const {
    std::vector<std::size_t> result = all_columns(columns_.size());
    // A chain of counterparts ascends, unless the caller's counterparts do not: then fewer are known to be equal.
    for (std::size_t i = 0; i < pairs_.first.size(); ++i)
      if (dv_.is_zero(pairs_.first[i], g) && pairs_.first[i] < pairs_.second[i]) result[pairs_.second[i]] = result[pairs_.first[i]];
    return result;
  }
  static bool all_equal(const std::vector<std::size_t>& classes, const View& view, const View& after) {
    const std::size_t first = classes[view.entry(0)];
    for (const View* v : {&view, &after})
      for (std::size_t e = 0; e < v->size(); ++e)
        if (classes[v->entry(e)] != first) return false;
    return true;
  }

  const Attention& a_;
  std::span<const Column> columns_;
  std::span<const std::size_t> counterparts_;
  const ColumnPairs& pairs_;
  const BallMatrix& mixed_;
  const long bits_;
  const ScoreConstants constants_;
  const std::vector<std::size_t> places_;
  const TokenVectors q_, k_, v_, dq_, dk_, dv_;  // queries and their differences times the scale of the scores
  std::vector<std::vector<std::size_t>> classes_;
};

}  // namespace

BallMatrix attention_difference(const Attention& attention, PairedBlock q, PairedBlock k, PairedBlock v, const BallMatrix& mixed, std::span<const Column> columns,
                                std::span<const std::size_t> counterparts, const ColumnPairs& pairs, long bits) {
  BallMatrix result(q.x.rows(), pairs.first.size());
  const Comparison comparison(attention, q, k, v, mixed, columns, counterparts, pairs, bits);
  const std::size_t jobs = pairs.first.size() * attention.heads;
  parallel_for(jobs, [&](std::size_t job) { comparison.run(job / attention.heads, job % attention.heads, result); });
  return result;
}

}  // namespace snellen
