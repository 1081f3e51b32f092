#include "lib/world/run_attention.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace snellen {
namespace {

constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();

bool same(double x, double y) { return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y) || (std::isnan(x) && std::isnan(y)); }

}  // namespace

RunAttention::RunAttention(const RunArithmetic& arithmetic, const Attention& attention, const std::vector<std::int64_t>& starts, RoundedWorld::Block keys,
                           RoundedWorld::Block values, const RunLimits& limits)
    : by_(arithmetic),
      attention_(attention),
      starts_(starts),
      keys_(std::move(keys)),
      values_(std::move(values)),
      score_(arithmetic.softmax, attention),
      sum_(arithmetic.softmax),
      accumulate_(arithmetic.accumulator),
      limits_(limits) {
  by_.cache.rounder().round_all(keys_.values.data(), keys_.values.size());
  by_.cache.rounder().round_all(values_.values.data(), values_.values.size());
}

void RunAttention::spend(std::size_t steps) const {
  const auto amount = static_cast<std::int64_t>(steps);
  if (spent_.fetch_add(amount) + amount > limits_.steps) throw RunLimitReached();
}

double RunAttention::store(double x) const {
  const double result = by_.storage(x);
  return std::isnan(result) ? std::numeric_limits<double>::quiet_NaN() : result;  // one NaN on every machine
}

RunAttention::Term RunAttention::term(const double* query, std::size_t h, std::size_t run, std::int64_t count, std::int64_t distance) const {
  const std::size_t size = attention_.head_size;
  const double* key = keys_.column(run) + h / (attention_.heads / attention_.kv_heads) * size;
  const FormatArithmetic& f = by_.accumulator;
  double product = 0;
  for (std::size_t d = 0; d < size; ++d) product = f.add(product, f.multiply(key[d], query[h * size + d]));
  return {run, count, score_(product, h, distance)};
}

std::vector<RunAttention::Term> RunAttention::terms(const double* query, std::size_t h, std::int64_t position) const {
  std::int64_t begin = 0;
  if (attention_.window && *attention_.window <= static_cast<std::uint64_t>(position)) begin = position + 1 - static_cast<std::int64_t>(*attention_.window);
  auto run = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin()) - 1;
  std::vector<Term> result;
  while (begin <= position) {
    const std::int64_t end = run + 1 < starts_.size() ? std::min(starts_[run + 1], position + 1) : position + 1;
    spend(attention_.head_size + 16);
    if (attention_.alibi.empty()) {
      result.push_back(term(query, h, run, end - begin, position - begin));
      begin = end;
    } else {
      result.push_back(term(query, h, run, 1, position - begin));  // every distance has its own score
      ++begin;
    }
    if (begin == end) ++run;
  }
  return result;
}

// The sums over `before`, and then m equal terms of the query's own run, as a function of m >= 1.
class RunAttention::Mix {
 public:
  Mix(const RunAttention& attention, std::size_t h, std::vector<Term> terms)
      : o_(attention), size_(attention.attention_.head_size), offset_(h / (attention.attention_.heads / attention.attention_.kv_heads) * size_), terms_(std::move(terms)) {
    const FormatArithmetic& f = o_.by_.softmax;
    double largest = -INFINITY;
    for (const Term& t : terms_) largest = std::max(largest, t.weight);
    for (Term& t : terms_) t.weight = f.function().exp(f.subtract(t.weight, largest));
    for (std::size_t i = 0; i + 1 < terms_.size(); ++i) sum_before_ = o_.sum_.after(sum_before_, terms_[i].weight, terms_[i].count);
    settled_ = std::max<std::int64_t>(1, o_.sum_.settle(sum_before_, terms_.back().weight).steps);
  }

  std::int64_t own_count() const { return terms_.back().count; }
  // From here on the sum of exponentials changes no more.
  std::int64_t settled() const { return settled_; }

  // Emits the outputs at m = first, ..., last: begin(m, output) for the first and wherever they change.
  template <class Emit>
  void outputs(std::int64_t first, std::int64_t last, const Emit& emit) const {
    std::vector<double> previous;
    const auto change = [&](std::int64_t m, const std::vector<double>& sums) {
      std::vector<double> output(size_);
      for (std::size_t d = 0; d < size_; ++d) output[d] = o_.store(sums[d]);
      if (std::equal(output.begin(), output.end(), previous.begin(), previous.end(), same)) return;
      o_.spend(size_);
      emit(m, output);
      previous = std::move(output);
    };
    for (std::int64_t m = first;;) {
      const std::vector<double> probabilities = probabilities_at(m);
      const std::int64_t end = same_probabilities(probabilities, m, last);
      // In m, ..., end each accumulator is one sum with equal terms.
      std::vector<double> sums(size_), step(size_);
      const FormatArithmetic& f = o_.by_.accumulator;
      for (std::size_t i = 0; i < terms_.size(); ++i) {
        const double* value = o_.values_.column(terms_[i].run) + offset_;
        const std::int64_t count = i + 1 < terms_.size() ? terms_[i].count : m;
        for (std::size_t d = 0; d < size_; ++d) {
          step[d] = f.multiply(value[d], probabilities[i]);
          sums[d] = o_.accumulate_.after(sums[d], step[d], count);
        }
      }
      o_.spend(terms_.size() * size_ * 4);
      change(m, sums);
      std::int64_t further = end == for_ever ? 0 : end - m;
      if (end == for_ever)
        for (std::size_t d = 0; d < size_; ++d) further = std::max(further, o_.accumulate_.settle(sums[d], step[d]).steps);
      if (further > 0) between(m, sums, m + further, advanced(sums, step, further), step, change);
      if (end == last) return;
      m = end + 1;
    }
  }

 private:
  std::vector<double> probabilities_at(std::int64_t m) const {
    const double sum = o_.sum_.after(sum_before_, terms_.back().weight, m);
    std::vector<double> result(terms_.size());
    for (std::size_t i = 0; i < terms_.size(); ++i) result[i] = o_.by_.probability(o_.by_.softmax.divide(terms_[i].weight, sum));
    o_.spend(2 * terms_.size());
    return result;
  }

  // The largest m' <= last with the probabilities of m: the sum only grows, so that each of them only falls, and what is equal at both ends is equal between.
  std::int64_t same_probabilities(const std::vector<double>& probabilities, std::int64_t m, std::int64_t last) const {
    if (m >= settled_) return last;
    const auto equal_at = [&](std::int64_t other) {
      const std::vector<double> found = probabilities_at(other);
      return std::equal(found.begin(), found.end(), probabilities.begin(), same);
    };
    const std::int64_t final = std::min(last, settled_);
    std::int64_t low = m, high = final + 1;  // equal at low, different at high
    for (std::int64_t stride = 1; low < final && high > final; stride *= 2) {
      const std::int64_t next = stride < final - low ? low + stride : final;
      (equal_at(next) ? low : high) = next;
    }
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (equal_at(middle) ? low : high) = middle;
    }
    return low == settled_ ? last : low;
  }

  std::vector<double> advanced(const std::vector<double>& sums, const std::vector<double>& step, std::int64_t steps) const {
    std::vector<double> result(size_);
    for (std::size_t d = 0; d < size_; ++d) result[d] = o_.accumulate_.after(sums[d], step[d], steps);
    o_.spend(8 * size_);
    return result;
  }

  // Both ends are stored alike, and so is then all between, since sums with equal terms are monotone and storing is; a NaN that stands for an overflow
  // must be one on the same side.
  bool alike(const std::vector<double>& low, const std::vector<double>& high) const {
    for (std::size_t d = 0; d < size_; ++d) {
      if (same(low[d], high[d])) continue;
      const double a = o_.store(low[d]), b = o_.store(high[d]);
      if (!same(a, b) || (std::isnan(a) && std::signbit(low[d]) != std::signbit(high[d]))) return false;
    }
    return true;
  }

  template <class Change>
  void between(std::int64_t low, const std::vector<double>& at_low, std::int64_t high, const std::vector<double>& at_high, const std::vector<double>& step,
               const Change& change) const {
    if (alike(at_low, at_high)) return;
    if (high - low == 1) return change(high, at_high);
    const std::int64_t middle = low + (high - low) / 2;
    const std::vector<double> at_middle = advanced(at_low, step, middle - low);
    between(low, at_low, middle, at_middle, step, change);
    between(middle, at_middle, high, at_high, step, change);
  }

  const RunAttention& o_;
  std::size_t size_, offset_;
  std::vector<Term> terms_;  // the last one: the query's own run
  double sum_before_ = 0;
  std::int64_t settled_ = 1;
};

std::vector<RunAttention::Change> RunAttention::outputs(const double* query, std::size_t h, std::int64_t first, std::int64_t last) const {
  std::vector<Change> result;
  const auto add = [&](std::int64_t position, const std::vector<double>& values) {
    if (!result.empty() && std::equal(values.begin(), values.end(), result.back().values.begin(), same)) return;
    if (result.size() == limits_.runs) throw RunLimitReached();
    result.push_back({position, values});
  };
  if (!attention_.window) {
    const Mix mix(*this, h, terms(query, h, first));
    const std::int64_t shift = first - mix.own_count();  // m tokens of its own run at position m + shift
    mix.outputs(mix.own_count(), last == for_ever ? for_ever : last - shift, [&](std::int64_t m, const std::vector<double>& values) { add(m + shift, values); });
    return result;
  }
  // With a window every position has its own terms, until all it sees is of its own run.
  const std::int64_t own = starts_[static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), first) - starts_.begin()) - 1];
  for (std::int64_t position = first;; ++position) {
    const Mix mix(*this, h, terms(query, h, position));
    mix.outputs(mix.own_count(), mix.own_count(), [&](std::int64_t, const std::vector<double>& values) { add(position, values); });
    if (position == last || static_cast<std::uint64_t>(position - own) >= *attention_.window - 1) return result;
  }
}

std::int64_t RunAttention::settled_from(const double* query, std::size_t h, std::int64_t first) const {
  if (attention_.window) return std::max(first, starts_.back() + static_cast<std::int64_t>(std::min<std::size_t>(*attention_.window, limits_.runs)) - 1);
  const Mix mix(*this, h, terms(query, h, first));
  return first + std::max<std::int64_t>(0, mix.settled() - mix.own_count());
}

}  // namespace snellen
