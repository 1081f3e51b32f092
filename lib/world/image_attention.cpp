// Attention of the image world: scores, probabilities, mix. The inequalities stand in proofs/validation.md, "Attention".
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/number/flint_caches.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/image.hpp"
#include "lib/world/image_constants.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// A middle and a bound of the distance from it: rounded up.
struct Middle {
  double value, radius;
};
Middle middle_of(const Range& x) {
  const double value = x.lower / 2 + x.upper / 2;
  return {value, x.is_point() ? 0 : upward(std::max(x.upper - value, value - x.lower))};
}

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

// [heads * entries, tokens]: q.k in the score accumulator, to `score`; times the scale, soft-capped, minus ALiBi's term.
ImageBlock ImageWorld::scores(const Attention& a, const Block& q, std::span<const Column> columns, const Memory& memory) const {
  const FlintCaches caches;
  const std::size_t size = a.head_size, group = a.heads / a.kv_heads, before = memory.entries - columns.size();
  const Range scale = scalar_.cast(real_root(a.scale)), cap = a.softcap ? scalar_.cast(Range::point(*a.softcap)) : Range();
  std::vector<Range> slopes;
  for (const Slope& slope : a.alibi) slopes.push_back(alibi_.within(real_slope(slope), profile_.ulps.exp));
  const std::int64_t last = columns.back().position;
  const ImageArithmetic& scalar = wider(scalar_, score_);
  Block result(a.heads * memory.entries, columns.size());
  parallel_for(columns.size(), [&](std::size_t c) {
    const View view = visible(columns[c], before + c, a.window);
    std::vector<Range> query(size), key(size);
    for (std::size_t h = 0; h < a.heads; ++h) {
      for (std::size_t entry = 0; entry < memory.entries; ++entry) result.set(h * memory.entries + entry, c, {-infinity, masked_score});
      const auto score_of = [&](std::size_t entry, bool scaled_query) {
        Range product;
        for (std::size_t d = 0; d < size; ++d) {
          query[d] = q.at(h * size + d, c);
          if (profile_.activation_blocks == ActivationBlocks::ggml) query[d] = cache_.cast(query[d]);  // as its products with fp16 keys want it
          if (scaled_query) query[d] = storage_.cast(wider(scalar_, storage_).multiply(query[d], scale));
          key[d] = memory.keys.at((h / group) * size + d, entry);
        }
        if (score_sum_.sequential()) {
          product = score_sum_.replayed(query, key);
        } else {
          double sum = 0, magnitude = 0, spread = 0, largest = 0;
          for (std::size_t d = 0; d < size; ++d) {
            const Middle x = middle_of(query[d]), y = middle_of(key[d]);
            sum += x.value * y.value;
            spread += x.radius * std::fabs(y.value) + std::fabs(x.value) * y.radius + x.radius * y.radius;
            magnitude += query[d].magnitude() * key[d].magnitude();
            largest = std::max({largest, query[d].magnitude(), key[d].magnitude()});
          }
          magnitude = upward(magnitude);
          product = score_sum_(size, sum, upward(magnitude * dot_error(size) + spread), magnitude, largest);
        }
        Range s = score_.cast(product);
        if (!a.scale.is_one() && !scaled_query) s = score_.cast(scalar.multiply(s, scale));
        if (a.softcap) {
          s = score_.cast(scalar.divide(s, cap));
          s = score_.cast(functions_[0].within(real_tanh(s), profile_.ulps.tanh));
          s = score_.cast(scalar.multiply(s, cap));
        }
        if (!slopes.empty()) {
          const std::int64_t own = view.first_position + static_cast<std::int64_t>(entry) - static_cast<std::int64_t>(view.branch_begin);
          const std::int64_t distance = (profile_.alibi_from == AlibiFrom::query ? columns[c].position : last) - own;
          const Range term = alibi_.factor(slopes[h], alibi_.cast(Range::point(static_cast<double>(distance))), profile_.fused);
          s = alibi_.subtract(wider(alibi_, score_).cast(s), term);
        }
        return s;
      };
      for (std::size_t entry = view.branch_begin; entry < view.branch_end; ++entry) {
        Range s = score_of(entry, profile_.scale == ScaleOn::query);
        if (profile_.scale == ScaleOn::any) s = hull(s, score_of(entry, true));
        result.set(h * memory.entries + entry, c, s);
      }
    }
  });
  return result;
}

// [heads * entries, tokens]. Exponentials of rounded differences from the largest score, divided by their rounded sum, cast to `probability`. The largest score
// cancels: e^(s_j - m + d_j) / sum_k e^(s_k - m + d_k), |d_j| <= u |s_j - m|.
ImageBlock ImageWorld::probabilities(const Attention& a, const ImageBlock& scores, std::span<const Column> columns) const {
  const std::size_t entries = scores.width / a.heads, before = entries - columns.size();
  const ImageArithmetic& f = softmax_;
  const bool replay = softmax_sum_.sequential();
  ImageBlock result(scores.width, scores.tokens);
  parallel_for(columns.size(), [&](std::size_t c) {
    const View view = visible(columns[c], before + c, a.window);
    const std::size_t first = view.branch_begin, count = view.branch_end - first;
    std::vector<Range> s(count), e(count);
    for (std::size_t h = 0; h < a.heads; ++h) {
      Range largest = Range::point(-infinity);
      for (std::size_t i = 0; i < count; ++i) {
        s[i] = f.cast(scores.at(h * entries + first + i, c));
        largest = {std::max(largest.lower, s[i].lower), std::max(largest.upper, s[i].upper)};
      }
      bool known = largest.is_finite();
      for (std::size_t i = 0; i < count && known; ++i) known = s[i].is_finite();
      // Exponentials as they may come out for each value of the largest score (replay: exactly one).
      double low = 0, high = 0;
      for (std::size_t i = 0; i < count && known; ++i) {
        Range difference = f.subtract(s[i], largest);
        difference.upper = std::min(difference.upper, 0.0);
        e[i] = f.within(real_exp(difference), profile_.ulps.exp);
        if (profile_.probability_cast == ProbabilityCast::before_sum) e[i] = probability_.cast(e[i]);
        low += e[i].lower, high += e[i].upper;
      }
      Range sum;
      if (replay) {
        sum = softmax_sum_.replayed(std::span(e).first(count));
      } else {
        const double middle = low / 2 + high / 2;
        sum = softmax_sum_(count, middle, upward(std::max(high - middle, middle - low) + high * dot_error(count)), upward(high), 1);
        // Rounding sums of numbers >= 0 is monotone in each: no sum is below one of its terms, and the largest score's is rd(e^0).
        sum.lower = std::max(sum.lower, 0.0);
      }
      // The same without the largest score: weights relative to its upper end, each with its own errors.
      const double u = std::ldexp(1.0, -f.format().precision), exp_error = std::max(profile_.ulps.exp, 0.5) * 2 * u, lost = std::max(profile_.ulps.exp, 1.0) * f.ulp(0);
      std::vector<Range> w(count);
      double total_low = 0, total_high = 0;
      for (std::size_t i = 0; i < count && known; ++i) {
        const double reach = upward(u * std::max(largest.upper - s[i].lower, 0.0));
        const Range real = real_exp({s[i].lower - largest.upper - reach - 0x1p-50, s[i].upper - largest.upper + reach + 0x1p-50});
        w[i] = {std::max(0.0, real.lower * (1 - exp_error) * (1 - 0x1p-50) - lost), upward(real.upper * (1 + exp_error) + lost)};
        if (profile_.flush_to_zero && w[i].lower < f.format().smallest_normal().to_double(MPFR_RNDU) * 2) w[i].lower = 0;
        if (profile_.probability_cast == ProbabilityCast::before_sum) {
          // Relative to the upper end of the largest score a cast is no longer on its grid: half an ulp of `probability`, relative, each way.
          const double v = std::ldexp(1.0, -probability_.format().precision);
          w[i] = {std::max(0.0, w[i].lower * (1 - v) * (1 - 0x1p-50) - probability_.ulp(0)), upward(w[i].upper * (1 + v) + probability_.ulp(0))};
        }
        total_low += w[i].lower, total_high += w[i].upper;
      }
      const double growth = softmax_growth(count);
      for (std::size_t i = 0; i < count; ++i) {
        Range p = Range::everything();
        if (known && sum.is_finite()) {
          p = f.divide(e[i], sum);
          if (!replay) p = hull(p, f.multiply(e[i], f.divide(Range::point(1), sum)));
          if (!replay) {
            // Own weight against the others', the sum's growth, and two roundings of quotient or reciprocal and product.
            const double slack = growth + 4 * u;
            const double others_low = std::max(0.0, (total_low - w[i].lower) * (1 - 0x1p-40)), others_high = upward(total_high - w[i].upper + total_high * 0x1p-45);
            const double top = w[i].upper == 0 ? 0 : upward(w[i].upper / (w[i].upper + others_low) / (1 - slack)) + f.ulp(0);
            const double bottom = w[i].lower == 0 ? 0 : std::max(0.0, w[i].lower / (w[i].lower + others_high) * (1 - slack) * (1 - 0x1p-40) - f.ulp(0));
            if (slack < 0.5) p = intersection(p, f.cast({bottom, top}));
          }
          p.lower = std::max(p.lower, 0.0);
          p = profile_.probability_cast == ProbabilityCast::after_sum ? probability_.cast(p) : probability_.cast(f.cast(p));
        }
        result.set(h * entries + first + i, c, p);
      }
    }
  });
  return result;
}

// At least |computed - exact| / exact of a sum of `count` numbers >= 0 in the softmax format.
double ImageWorld::softmax_growth(std::size_t count) const {
  const Range sum = softmax_sum_(count, 1, 0, 1, 1);
  return upward(std::max(sum.upper - 1, 1 - sum.lower));
}

// [heads * head_size, tokens]: sums of probabilities times values.
ImageBlock ImageWorld::mix(const Attention& a, const ImageBlock& probabilities, std::span<const Column> columns, const Memory& memory) const {
  const std::size_t size = a.head_size, group = a.heads / a.kv_heads, entries = memory.entries, before = entries - columns.size();
  Block result(a.heads * size, columns.size());
  parallel_for(columns.size(), [&](std::size_t c) {
    const View view = visible(columns[c], before + c, a.window);
    const std::size_t first = view.branch_begin, count = view.branch_end - first;
    std::vector<Range> p(count), v(count);
    for (std::size_t h = 0; h < a.heads; ++h) {
      for (std::size_t i = 0; i < count; ++i) {
        p[i] = probabilities.at(h * entries + first + i, c);
        if (profile_.activation_blocks == ActivationBlocks::ggml) p[i] = cache_.cast(p[i]);
      }
      for (std::size_t d = 0; d < size; ++d) {
        for (std::size_t i = 0; i < count; ++i) v[i] = memory.values.at((h / group) * size + d, first + i);
        Range mixed;
        if (mix_sum_.sequential()) {
          mixed = mix_sum_.replayed(p, v);
        } else {
          double sum = 0, spread = 0, magnitude = 0, largest = 1;
          for (std::size_t i = 0; i < count; ++i) {
            const Middle weight = middle_of(p[i]), value = middle_of(v[i]);
            sum += weight.value * value.value;
            spread += weight.radius * std::fabs(value.value) + std::fabs(weight.value) * value.radius + weight.radius * value.radius;
            magnitude += p[i].magnitude() * v[i].magnitude();
            largest = std::max(largest, v[i].magnitude());
          }
          magnitude = upward(magnitude);
          mixed = mix_sum_(count, sum, upward(magnitude * dot_error(count) + spread), magnitude, largest);
        }
        result.set(h * size + d, c, storage_.cast(mixed));
      }
    }
  });
  return result;
}

ImageBlock ImageWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  for (const Column& column : columns)
    if (column.trunk != 0 || column.branch != 0) throw std::invalid_argument("ImageWorld: one sequence, no branches");
  const auto append = [&](ImageBlock& past, const Block& x) {
    past.width = x.width, past.tokens += x.tokens;
    for (std::size_t c = 0; c < x.tokens; ++c) {
      for (std::size_t r = 0; r < x.width; ++r) {
        const Range entry = cache_.cast(x.at(r, c));
        past.lower.push_back(entry.lower), past.upper.push_back(entry.upper);
      }
    }
  };
  append(memory.keys, k);
  append(memory.values, v);
  memory.entries += columns.size();
  const ImageBlock s = settled(OperationKind::scores, scores(a, q, columns, memory));
  const ImageBlock p = settled(OperationKind::probabilities, probabilities(a, s, columns));
  return settled(OperationKind::mix, mix(a, p, columns, memory));
}

}  // namespace snellen
