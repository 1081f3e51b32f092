#include "lib/world/ball_attention.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "lib/number/exact_product/grid.hpp"
#include "lib/number/exact_product/limbs_to_midpoint.hpp"
#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/exp_lanes.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t block_columns = 4;  // queries that share a pass over the memory
constexpr std::size_t most_head_size = 4096;  // the sums of a key's digits stay below 2^64
constexpr std::size_t float_terms = 1024;  // summed in floats before the sum goes to a double
// More than what the roundings of a sum of `float_terms` or head_size products of floats can lose: (1 - 2^-23)^-(n + 8) <= 1 + (n + 8) 2^-22.
double slack(std::size_t terms) { return 1 + static_cast<double>(terms + 9) * 0x1p-22; }
// The floats of values and of o are within 2^-22 of them, in units of 2^value_top, and so are their differences within 2^-20.
constexpr float float_error = 0x1p-20f;
constexpr slong cancelled_bits = 20;  // of a mixture's radius below its weights' errors, as far as float_error can show it

// One head's query of one column, times the scale, in fixed point.
struct Query {
  std::size_t column, head;
  View view;
  bool fits = false;
  std::size_t digits = 1;
  int headroom = 0;
  std::vector<std::uint64_t> words, sums;  // [dimension][digits], and the sums of the digits over the dimensions
  std::vector<float> size, radius;         // at least (|q| + f) 2^-top, f 2^-radius_top
  slong unit = 0, top = 0, radius_top = 0;
  BallVector weights;                      // scores, then exponentials; by place in the view

  void convert(const BallVector& q, long bits, DigitCutter& cutter) {
    const std::size_t count = q.size();
    Grid grid = choose_grid(count, [&](std::size_t i) { return q[i]; }, bits);
    fits = grid.fits;
    if (!fits) return;
    headroom = static_cast<int>(std::bit_width(count));
    digits = long_digits_for(grid.fraction + 1 + headroom);
    grid.fraction = static_cast<slong>(digits) * long_digit_bits - 1 - headroom;
    unit = grid.unit(), radius_top = std::max(grid.radius, unit + 1), top = std::max(grid.top, radius_top);
    words.assign(count * digits, 0), sums.assign(digits, 0), size.assign(count, 0), radius.assign(count, 0);
    for (std::size_t i = 0; i < count; ++i) {
      const bool cut = cutter.cut(arb_midref(q[i]), unit, grid.fraction, digits, &words[i * digits], 1);
      for (std::size_t d = 0; d < digits; ++d) sums[d] += words[i * digits + d];
      size[i] = magnitude_float(arb_midref(q[i]), top) + error_float(q[i], cut, unit, top);
      radius[i] = error_float(q[i], cut, unit, radius_top);
    }
  }
};

using Lanes = float[long_lanes];

// One block of columns and one key-value head, for one thread.
class Job {
 public:
  Job(const Attention& a, const ScoreConstants& constants, const BallMemory& memory, std::size_t kv_head, long bits, BallMatrix& mixed)
      : a_(a), constants_(constants), memory_(memory), kv_head_(kv_head), bits_(bits), mixed_(mixed) {}

  void add(const BallMatrix& q, std::size_t column, std::size_t head, const View& view) {
    Query& query = queries_.emplace_back();
    query.column = column, query.head = head, query.view = view;
    BallVector scaled(a_.head_size);
    for (std::size_t i = 0; i < a_.head_size; ++i) {
      arb_srcptr entry = q(head * a_.head_size + i, column);
      arb_mul(scaled[i], entry, constants_.scale, deserved_bits(entry, bits_));
    }
    query.convert(scaled, bits_, cutter_);
    if (a_.head_size > most_head_size) query.fits = false;
    for (const MemoryBlock& block : memory_.blocks)
      if (meets(view, block)) query.fits = query.fits && block.head(kv_head_).fits;
    if (query.fits) query.weights = BallVector(view.size());
  }

  // Calls otherwise(query) for the queries that have to be served in another way.
  template <class Otherwise>
  void run(std::span<const Column> columns, const Otherwise& otherwise) {
    for (const MemoryBlock& block : memory_.blocks)
      for (std::size_t group = 0; group * long_lanes < block.tokens(); ++group)
        for (Query& query : queries_)
          if (query.fits) score(query, block, group);
    for (Query& query : queries_) {
      if (query.fits) {
        for (std::size_t i = 0; i < query.view.size(); ++i)
          finish_score(a_, constants_, query.weights[i], query.head,
                       columns[query.column].position - (query.view.first_position + static_cast<std::int64_t>(i)), bits_);
        query.fits = mix(query);
      }
      if (!query.fits) otherwise(query);
      query.weights = BallVector();
    }
  }

 private:
  struct Range {
    std::size_t begin, end, place;  // entries [begin, end), the first of which has this place in the view
  };
  static std::array<Range, 2> ranges(const View& view, std::size_t begin, std::size_t end) {
    const auto cut = [&](std::size_t from, std::size_t to, std::size_t place) {
      const std::size_t first = std::clamp(begin, from, to), last = std::clamp(end, from, to);
      return Range{first, last, place + (first - from)};
    };
    return {cut(view.trunk_begin, view.trunk_end, 0), cut(view.branch_begin, view.branch_end, view.trunk_end - view.trunk_begin)};
  }
  static bool meets(const View& view, const MemoryBlock& block) {
    for (const Range& range : ranges(view, block.begin(), block.end()))
      if (range.begin < range.end) return true;
    return false;
  }

  // The scores of 8 tokens, as far as they are in the view.
  void score(Query& query, const MemoryBlock& block, std::size_t group) {
    const std::size_t begin = block.begin() + group * long_lanes, end = std::min(begin + long_lanes, block.end()), count = a_.head_size;
    const auto parts = ranges(query.view, begin, end);
    if (parts[0].begin == parts[0].end && parts[1].begin == parts[1].end) return;
    const MemoryBlock::Head& head = block.head(kv_head_);
    sums_.assign((head.key_digits + query.digits) * long_lanes, 0);
    add_long_products(&head.keys[group * count * head.key_digits * long_lanes], head.key_digits, query.words.data(), query.digits, count,
                      sums_.data());
    Lanes by_radius = {}, by_size = {};
    const float* size = &head.key_size[group * count * long_lanes];
    const float* radius = &head.key_radius[group * count * long_lanes];
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t l = 0; l < long_lanes; ++l) {
        by_radius[l] += size[i * long_lanes + l] * query.radius[i];
        by_size[l] += radius[i * long_lanes + l] * query.size[i];
      }
    for (const Range& part : parts)
      for (std::size_t e = part.begin; e < part.end; ++e) {
        const std::size_t l = e - begin, t = e - block.begin();
        const Bound error = Bound(by_radius[l] * slack(count), head.key_top[t] + query.radius_top) +
                            Bound(by_size[l] * slack(count), head.key_radius_top[t] + query.top);
        const Offsets offsets{head.key_digits, query.digits, count, query.headroom, query.sums.data(), &head.key_sums[t * head.key_digits]};
        set_sum(query.weights[part.place + (e - part.begin)], l, offsets, head.key_unit[t] + query.unit, error);
      }
  }

  // y = (the sum of lane l) 2^unit +- error, rounded to the bits that it deserves.
  void set_sum(arb_ptr y, std::size_t lane, const Offsets& offsets, slong unit, const Bound& error) {
    limbs_.resize((offsets.a_digits + offsets.b_digits) * long_digit_bits / FLINT_BITS + 4);
    LimbWriter writer(limbs_.data());
    const bool negative = write_sum(writer, &sums_[lane], offsets);
    error.get(arb_radref(y));
    if (writer.size() == 0) return arf_zero(arb_midref(y));
    const WordsOfLimbs sum(limbs_.data(), writer.size());
    const slong top = sum.length() + unit;
    const slong bits = error.zero() ? bits_ : std::clamp<slong>(top - error.top() + drowned_bits, 2, bits_);
    if (set_midpoint(arb_midref(y), sum, negative, bits, unit)) arf_mag_add_ulp(arb_radref(y), arb_radref(y), arb_midref(y), bits);
  }

  // Scores to exponentials: query.weights[i] contains exp(score_i - c). The precision is what the largest error of a weight leaves to each.
  void exponentials(Query& query) const {
    BallVector& w = query.weights;
    centre(w, bits_);
    double error = -INFINITY;  // log2 of the largest radius that a weight will have
    const auto log2_weight = [&](std::size_t i) { return 1.4426950408889634 * nearest_double(arb_midref(w[i])); };
    for (std::size_t i = 0; i < w.size(); ++i)
      if (!mag_is_zero(arb_radref(w[i]))) error = std::max(error, mag_get_d_log2_approx(arb_radref(w[i])) + log2_weight(i));
    const double most = static_cast<double>(bits_), extra = static_cast<double>(drowned_bits + std::bit_width(w.size()));
    std::vector<arb_ptr> balls(w.size());
    std::vector<slong> precision(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double deserved = std::min(most, extra - error) + log2_weight(i);
      balls[i] = w[i];
      precision[i] = deserved >= most ? bits_ : deserved > 30 ? static_cast<slong>(deserved) : 30;
    }
    snellen::exponentials(balls, precision);
  }

  // False: FLINT has to do it.
  bool mix(Query& query) {
    exponentials(query);
    const BallVector& w = query.weights;
    const std::size_t count = w.size();
    Ball mass;
    Magnitude errors;  // sum of rho
    slong rho_top = Grid::least, weight_top = Grid::least;
    for (std::size_t i = 0; i < count; ++i) {
      if (!tame(w[i]) || arf_sgn(arb_midref(w[i])) < 0) return false;
      arf_struct* sum = arb_midref(static_cast<arb_ptr>(mass));
      if (arf_add(sum, sum, arb_midref(w[i]), bits_ + 64, ARF_RND_DOWN) != 0)
        arf_mag_add_ulp(arb_radref(static_cast<arb_ptr>(mass)), arb_radref(static_cast<arb_ptr>(mass)), sum, bits_ + 64);
      errors += Magnitude::radius_of(w[i]);
      if (!mag_is_zero(arb_radref(w[i]))) rho_top = std::max<slong>(rho_top, MAG_EXP(arb_radref(w[i])));
      weight_top = std::max<slong>({weight_top, arf_is_zero(arb_midref(w[i])) ? Grid::least : ARF_EXP(arb_midref(w[i])) + 1, rho_top});
    }
    if (arf_is_zero(arb_midref(static_cast<arb_srcptr>(mass)))) return false;
    if (rho_top == Grid::least) rho_top = 0;
    // P_e 2^(value unit) on one grid.
    slong top = Grid::least, error_top = Grid::least, value_top = Grid::least;
    for_each_entry(query.view, [&](const MemoryBlock::Head& head, std::size_t t, std::size_t i) {
      value_top = std::max<slong>(value_top, head.value_top);
      if (head.value_zero[t] || arf_is_zero(arb_midref(w[i]))) return;
      top = std::max<slong>(top, ARF_EXP(arb_midref(w[i])) + head.value_unit[t]);
      error_top = std::max<slong>(error_top, mag_is_zero(arb_radref(w[i])) ? ARF_EXP(arb_midref(w[i])) + head.value_unit[t] - bits_
                                                                            : MAG_EXP(arb_radref(w[i])) + head.value_unit[t]);
    });
    const int headroom = static_cast<int>(std::bit_width(count));
    if (headroom > 40) return false;
    if (top == Grid::least) top = error_top = 0;
    const slong asked = std::min<slong>(bits_, top - error_top + drowned_bits) + headroom + cancelled_bits;
    const std::size_t digits = long_digits_for(std::max<slong>(asked, 8) + headroom);
    const slong unit = top - (static_cast<slong>(digits) * long_digit_bits - headroom);
    probabilities_.assign(count * digits, 0);
    rho_.assign(count, 0), total_.assign(count, 0);
    for_each_entry(query.view, [&](const MemoryBlock::Head& head, std::size_t t, std::size_t i) {
      rho_[i] = error_float(w[i], false, 0, rho_top);
      total_[i] = magnitude_float(arb_midref(w[i]), weight_top) + error_float(w[i], false, 0, weight_top);
      if (!head.value_zero[t]) cutter_.cut(arb_midref(w[i]), unit - head.value_unit[t], -1, digits, &probabilities_[i * digits], 1);
    });

    Ball inverse;
    arb_inv(inverse, mass, bits_ + 64);
    // M - sum rho, from below; zero where the convex hull is the better bound.
    Magnitude least_mass, mag_mass = Magnitude::of(static_cast<arb_srcptr>(mass));
    {
      Ball rest;
      arb_ptr r = rest;
      arf_set_mag(arb_midref(r), errors.get());
      arb_sub(r, mass, r, 64);
      arb_get_mag_lower_nonnegative(least_mass.get(), r);
    }
    const bool hull = shifted(least_mass, 1) < mag_mass;
    for (std::size_t group = 0; group * long_lanes < a_.head_size; ++group) {
      const std::size_t dimensions = std::min(long_lanes, a_.head_size - group * long_lanes);
      const std::size_t row = query.head * a_.head_size + group * long_lanes;
      BallVector sum(dimensions);
      for (const MemoryBlock& block : memory_.blocks) add_values(sum, query, block, group, digits, unit);
      Lanes o = {};
      Deviations deviations;
      for (std::size_t l = 0; l < dimensions; ++l) {
        arb_ptr y = mixed_(row + l, query.column);
        arb_mul(y, sum[l], inverse, bits_ + 64);
        // o 2^-value_top, within 2^-22 where it is not larger than the values.
        if (!tame(y)) return false;
        if (!arf_is_zero(arb_midref(y)) && ARF_EXP(arb_midref(y)) > value_top) return false;
        o[l] = (ARF_SGNBIT(arb_midref(y)) ? -1.0f : 1.0f) * magnitude_float(arb_midref(y), value_top);
      }
      for (const MemoryBlock& block : memory_.blocks) add_deviations(query, block, group, value_top, weight_top, hull, o, deviations);
      for (std::size_t l = 0; l < dimensions; ++l) {
        arb_ptr y = mixed_(row + l, query.column);
        Magnitude radius = Magnitude::radius_of(y), part;
        if (hull) {
          (Bound(deviations.widest[l] * slack(4), value_top) + deviations.radii[l]).get(radius.get());
        } else {
          radius *= mag_mass;
          (Bound(deviations.spread[l] * slack(float_terms), rho_top + value_top) + deviations.radii[l]).get(part.get());
          radius += part;
          mag_div(radius.get(), radius.get(), least_mass.get());
        }
        mag_set(arb_radref(y), radius.get());
        arb_set_round(y, y, deserved_bits(y, bits_));
      }
    }
    return true;
  }

  // f(head, token of its block, place in the view), for every entry of the view.
  template <class F>
  void for_each_entry(const View& view, const F& f) const {
    for (const MemoryBlock& block : memory_.blocks)
      for (const Range& range : ranges(view, block.begin(), block.end()))
        for (std::size_t e = range.begin; e < range.end; ++e) f(block.head(kv_head_), e - block.begin(), range.place + (e - range.begin));
  }

  // Adds sum P_e V_e over the block's tokens, for 8 dimensions, to the sums. What the cut of P_e at its grid leaves away is below 2^unit for each, times
  // an integer below 2^(52 value_digits - 1).
  void add_values(BallVector& sum, const Query& query, const MemoryBlock& block, std::size_t group, std::size_t digits, slong unit) {
    if (!meets(query.view, block)) return;
    const MemoryBlock::Head& head = block.head(kv_head_);
    const std::size_t step = head.value_digits * long_lanes;
    sums_.assign((head.value_digits + digits) * long_lanes, 0);
    p_sums_.assign(digits + 1, 0);
    std::size_t count = 0;
    for (const Range& range : ranges(query.view, block.begin(), block.end())) {
      const std::uint64_t* p = &probabilities_[0] + range.place * digits;
      const std::size_t terms = range.end - range.begin;
      if (terms == 0) continue;
      add_long_products(&head.values[(group * block.tokens() + (range.begin - block.begin())) * step], head.value_digits, p, digits, terms, sums_.data());
      // Sums of digits, with carries: the sum of the P_e is below 2^(52 digits).
      for (std::size_t e = 0; e < terms; ++e) {
        for (std::size_t d = 0; d < digits; ++d) p_sums_[d] += p[e * digits + d];
        if (e % 2048 == 2047 || e + 1 == terms)
          for (std::size_t d = 0; d + 1 < digits; ++d) p_sums_[d + 1] += p_sums_[d] >> long_digit_bits, p_sums_[d] &= (std::uint64_t{1} << long_digit_bits) - 1;
      }
      count += terms;
    }
    const Offsets offsets{head.value_digits, digits, count, 0, p_sums_.data(), nullptr};
    const Bound error(static_cast<double>(count) * 1.0, unit + static_cast<slong>(head.value_digits) * long_digit_bits - 1);
    Ball part;
    for (std::size_t l = 0; l < sum.size(); ++l) {
      set_sum(part, l, offsets, unit, error);
      arb_add(sum[l], sum[l], part, bits_ + 64);
    }
  }

  // In units of rho's and the values' powers of two: sum rho_e |V_e - o|, and the largest |V_e - o|; and sum (P_e + rho_e) tau_e, or the largest tau_e
  // where the hull is asked for.
  struct Deviations {
    double spread[long_lanes] = {}, widest[long_lanes] = {};
    Bound radii[long_lanes];
  };

  void add_deviations(const Query& query, const MemoryBlock& block, std::size_t group, slong value_top, slong weight_top, bool hull, const Lanes& o,
                      Deviations& sum) const {
    const MemoryBlock::Head& head = block.head(kv_head_);
    // The power of two that takes the block's values to the view's scale; too small a one becomes 2^-100, which float_error has room for.
    const float value_scale = scaled_float(1, head.value_top - value_top);
    for (const Range& range : ranges(query.view, block.begin(), block.end()))
      for (std::size_t begin = range.begin; begin < range.end; begin += float_terms) {
        const std::size_t end = std::min(range.end, begin + float_terms);
        Lanes deviation = {}, radius = {}, most = {}, most_radius = {};
        for (std::size_t e = begin; e < end; ++e) {
          const std::size_t i = range.place + (e - range.begin), at = (group * block.tokens() + (e - block.begin())) * long_lanes;
          const float* value = &head.value[at];
          const float* value_radius = &head.value_radius[at];
          const float rho = rho_[i], total = total_[i];
          for (std::size_t l = 0; l < long_lanes; ++l) {
            const float distance = std::fabs(value[l] * value_scale - o[l]) + float_error;
            deviation[l] += rho * distance;
            radius[l] += total * value_radius[l];
            most[l] = std::max(most[l], distance);
            most_radius[l] = std::max(most_radius[l], value_radius[l]);
          }
        }
        for (std::size_t l = 0; l < long_lanes; ++l) {
          sum.spread[l] = (sum.spread[l] + deviation[l]) * (1 + 0x1p-50);
          sum.widest[l] = std::max<double>(sum.widest[l], most[l]);
          if (hull) sum.radii[l] = std::max(sum.radii[l], Bound(most_radius[l] * slack(4), head.value_radius_top));
          else sum.radii[l] = sum.radii[l] + Bound(radius[l] * slack(float_terms), weight_top + head.value_radius_top);
        }
      }
  }

  const Attention& a_;
  const ScoreConstants& constants_;
  const BallMemory& memory_;
  const std::size_t kv_head_;
  const long bits_;
  BallMatrix& mixed_;
  std::vector<Query> queries_;
  DigitCutter cutter_;
  std::vector<std::uint64_t> sums_, probabilities_, p_sums_;
  std::vector<float> rho_, total_;
  std::vector<mp_limb_t> limbs_;
};

void by_dots(const Attention& a, const ScoreConstants& constants, const BallMatrix& q, const Column& column, std::size_t c, std::size_t head, std::size_t first,
             const BallMemory& memory, long bits, BallMatrix& mixed) {
  const std::size_t width = a.kv_heads * a.head_size, offset = head / (a.heads / a.kv_heads) * a.head_size;  // of the head's group within an entry
  const View view = visible(column, first + c, a.window);
  const auto stride = static_cast<slong>(width), in_trunk = static_cast<slong>(view.trunk_end - view.trunk_begin);
  const auto in_branch = static_cast<slong>(view.branch_end - view.branch_begin);
  BallVector query(a.head_size), weights(view.size());
  for (std::size_t i = 0; i < a.head_size; ++i) arb_set(query[i], q(head * a.head_size + i, c));
  for (std::size_t i = 0; i < view.size(); ++i) {
    arb_ptr s = weights[i];
    arb_dot(s, nullptr, 0, query[0], 1, memory.keys[view.entry(i) * width + offset], 1, static_cast<slong>(a.head_size), bits);
    arb_mul(s, s, constants.scale, bits);
    finish_score(a, constants, s, head, column.position - (view.first_position + static_cast<std::int64_t>(i)), bits);
  }
  centre(weights, bits);
  Ball mass, trunk, sum;
  for (std::size_t i = 0; i < view.size(); ++i) {
    arb_exp(weights[i], weights[i], bits);
    arb_add(mass, mass, weights[i], bits);
  }
  for (std::size_t i = 0; i < a.head_size; ++i) {
    arb_zero(trunk);
    if (in_trunk > 0) arb_dot(trunk, nullptr, 0, weights[0], 1, memory.values[view.trunk_begin * width + offset + i], stride, in_trunk, bits);
    arb_dot(sum, trunk, 0, weights[static_cast<std::size_t>(in_trunk)], 1, memory.values[view.branch_begin * width + offset + i], stride, in_branch, bits);
    arb_div(mixed(head * a.head_size + i, c), sum, mass, bits);
  }
}

}  // namespace

Ball centre(BallVector& scores, long bits) {
  std::size_t largest = 0;
  for (std::size_t i = 1; i < scores.size(); ++i)
    if (arf_cmp(arb_midref(scores[i]), arb_midref(scores[largest])) > 0) largest = i;
  Ball shift;
  if (!arf_is_finite(arb_midref(scores[largest]))) return shift;
  arf_set_round(arb_midref(static_cast<arb_ptr>(shift)), arb_midref(scores[largest]), 64, ARF_RND_NEAR);
  for (std::size_t i = 0; i < scores.size(); ++i) arb_sub(scores[i], scores[i], shift, bits);
  return shift;
}

ScoreConstants::ScoreConstants(const Attention& a, long bits) : slopes(a.alibi.size()) {
  set_root(scale, a.scale, bits);
  for (std::size_t h = 0; h < a.alibi.size(); ++h) set_slope(slopes[h], a.alibi[h], bits);
}

void finish_score(const Attention& a, const ScoreConstants& constants, arb_ptr s, std::size_t head, std::int64_t distance, long bits) {
  if (a.softcap) apply_softcap(s, s, *a.softcap, bits);
  if (a.alibi.empty()) return;
  Ball t;
  arb_mul_si(t, constants.slopes[head], distance, bits);
  arb_sub(s, s, t, bits);
}

void ball_attention_by_dots(const Attention& a, const BallMatrix& q, const Column& column, std::size_t c, std::size_t head, std::size_t first,
                            const BallMemory& memory, long bits, BallMatrix& mixed) {
  by_dots(a, ScoreConstants(a, bits), q, column, c, head, first, memory, bits, mixed);
}

BallMatrix ball_attention(const Attention& a, const BallMatrix& q, std::span<const Column> columns, std::size_t first, const BallMemory& memory, long bits) {
  const ScoreConstants constants(a, bits);
  const std::size_t blocks = (columns.size() + block_columns - 1) / block_columns, group = a.heads / a.kv_heads;
  BallMatrix mixed(q.rows(), columns.size());
  parallel_for(blocks * a.kv_heads, [&](std::size_t place) {
    const std::size_t block = place / a.kv_heads, kv_head = place % a.kv_heads;
    Job job(a, constants, memory, kv_head, bits, mixed);
    for (std::size_t c = block * block_columns; c < std::min(columns.size(), (block + 1) * block_columns); ++c)
      for (std::size_t h = kv_head * group; h < (kv_head + 1) * group; ++h) job.add(q, c, h, visible(columns[c], first + c, a.window));
    job.run(columns, [&](const Query& query) {
      by_dots(a, constants, q, columns[query.column], query.column, query.head, first, memory, bits, mixed);
    });
  });
  return mixed;
}

}  // namespace snellen
