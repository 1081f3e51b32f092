#include "proofs/checker/engine_attention.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "proofs/checker/operations.hpp"

namespace snellen::check {
namespace {

constexpr std::size_t most_columns = std::size_t{1} << 20;

bool same(const Column& x, const Column& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); });
}

// The largest k from `low` to `high` with the value of `low`, of a value that only ever moves one way: what is equal at both ends is equal between.
template <class Value>
std::int64_t last_alike(std::int64_t low, std::int64_t high, const Value& value) {
  const Column first = value(low);
  const auto alike = [&](std::int64_t k) { return same(value(k), first); };
  std::int64_t beyond = high;  // not alike, once it is below high
  for (std::int64_t stride = 1; low < high; stride *= 2) {
    const std::int64_t next = stride < high - low ? low + stride : high;
    if (!alike(next)) {
      beyond = next;
      break;
    }
    low = next;
  }
  while (low < high && beyond - low > 1) {
    const std::int64_t middle = low + (beyond - low) / 2;
    (alike(middle) ? low : beyond) = middle;
  }
  return low;
}

}  // namespace

class EngineAttention::Sums {
 public:
  Sums(const EngineAttention& o, std::size_t head, std::vector<Term> terms)
      : by_(o.engine_.by()), o_(o), size_(o.attention_.head_size), offset_(head / (o.attention_.heads / o.attention_.kv_heads) * size_), terms_(std::move(terms)) {
    double largest = terms_[0].weight;
    for (const Term& t : terms_) largest = std::max(largest, t.weight);
    for (Term& t : terms_) t.weight = by_.softmax.exp(by_.softmax.subtract(t.weight, largest));
    for (std::size_t i = 0; i + 1 < terms_.size(); ++i) before_ = by_.softmax.add_again(before_, terms_[i].weight, terms_[i].count);
  }

  // The sum of exponentials changes up to here.
  std::int64_t settled() const { return by_.softmax.steps_to_settle(before_, terms_.back().weight); }

  // They fall with m, as the sum of exponentials grows.
  Column probabilities(std::int64_t m) const {
    const double sum = by_.softmax.add_again(before_, terms_.back().weight, m);
    Column p;
    for (const Term& t : terms_) p.push_back(by_.probability.round(by_.softmax.divide(t.weight, sum)));
    return p;
  }

  // With these probabilities: sums over all but the own run, and what each term of that adds.
  void set(const Column& probabilities) {
    base_.assign(size_, 0), step_.assign(size_, 0);
    for (std::size_t i = 0; i < terms_.size(); ++i)
      for (std::size_t d = 0; d < size_; ++d) {
        step_[d] = by_.accumulator.multiply(o_.p_.values[terms_[i].run][offset_ + d], probabilities[i]);
        if (i + 1 < terms_.size()) base_[d] = by_.accumulator.add_again(base_[d], step_[d], terms_[i].count);
      }
  }
  // Each entry moves one way with m, and settles.
  Column output(std::int64_t m) const {
    Column y;
    for (std::size_t d = 0; d < size_; ++d) y.push_back(by_.storage.round(by_.accumulator.add_again(base_[d], step_[d], m)));
    return y;
  }
  std::int64_t output_settled() const {
    std::int64_t m = 0;
    for (std::size_t d = 0; d < size_; ++d) m = std::max(m, by_.accumulator.steps_to_settle(base_[d], step_[d]));
    return m;
  }

  // About how many operations set() and one output take.
  double steps() const { return 20.0 * static_cast<double>(terms_.size() * (2 + size_)); }

 private:
  const EngineProfile& by_;
  const EngineAttention& o_;
  std::size_t size_, offset_;
  std::vector<Term> terms_;
  double before_ = 0;
  Column base_, step_;
};

EngineAttention::EngineAttention(const Engine& engine, const Attention& attention, const std::vector<std::int64_t>& firsts, const Engine::Projections& projections, double steps)
    : engine_(engine), attention_(attention), firsts_(firsts), p_(projections), limit_(steps) {}

std::vector<EngineAttention::Term> EngineAttention::terms(std::size_t head, std::size_t run, std::int64_t position) const {
  const std::size_t size = attention_.head_size, shared = head / (attention_.heads / attention_.kv_heads) * size;
  const SoftFloat& f = engine_.by().accumulator;
  std::int64_t begin = 0;
  if (attention_.window && *attention_.window <= static_cast<std::uint64_t>(position)) begin = position + 1 - static_cast<std::int64_t>(*attention_.window);
  std::vector<Term> result;
  for (std::size_t r = 0; r <= run; ++r) {
    const std::int64_t first = std::max(firsts_[r], begin), end = std::min(end_of(r), position + 1);
    if (first >= end) continue;
    double product = 0;
    for (std::size_t d = 0; d < size; ++d) product = f.add(product, f.multiply(p_.keys[r][shared + d], p_.queries[run][head * size + d]));
    if (attention_.alibi.empty()) {
      result.push_back({r, end - first, engine_.score(attention_, head, product, 0)});
    } else {  // a score for each distance
      for (std::int64_t at = first; at < end; ++at) result.push_back({r, 1, engine_.score(attention_, head, product, position - at)});
    }
  }
  return result;
}

bool EngineAttention::changes(std::size_t head, std::size_t run, std::int64_t from, std::vector<Run>& result) const {
  const std::int64_t end = end_of(run);
  const auto add = [&](std::int64_t position, Column output) {
    if (result.empty() || !same(result.back().column, output)) result.push_back({position, std::move(output)});
    return result.size() <= most_columns;
  };
  if (attention_.window) {  // every position has its own terms, until all that it sees is of its own run
    const auto window = static_cast<std::int64_t>(std::min<std::size_t>(*attention_.window, most_columns));
    for (std::int64_t position = from; position < end; ++position) {
      std::vector<Term> seen = terms(head, run, position);
      const std::int64_t own = seen.back().count;
      Sums sums(*this, head, std::move(seen));
      if (!spend(sums.steps())) return false;
      sums.set(sums.probabilities(own));
      if (!add(position, sums.output(own))) return false;
      if (position - firsts_[run] >= window - 1) return static_cast<std::uint64_t>(window) == *attention_.window;
    }
    return true;
  }
  Sums sums(*this, head, terms(head, run, firsts_[run]));
  const std::int64_t settled = std::max<std::int64_t>(1, sums.settled()), before = firsts_[run] - 1;  // m of its own run at position before + m
  const std::int64_t last = end == for_ever ? for_ever : end - 1 - before;
  for (std::int64_t m = from - before; m <= last;) {
    const std::int64_t alike = m >= settled ? settled : last_alike(m, std::min(last, settled), [&](std::int64_t k) { return sums.probabilities(k); });
    const std::int64_t until = alike >= settled ? last : alike;
    sums.set(sums.probabilities(m));
    if (!spend(sums.steps())) return false;
    const std::int64_t moving = std::min(until, std::max(m, until == m ? m : sums.output_settled()));  // no output changes from here to `until`
    for (std::int64_t k = m; k <= moving;) {
      if (!spend(40.0 * static_cast<double>(attention_.head_size)) || !add(before + k, sums.output(k))) return false;
      k = last_alike(k, moving, [&](std::int64_t at) { return sums.output(at); }) + 1;
    }
    if (until == last) break;
    m = until + 1;
  }
  return true;
}

std::optional<std::vector<Run>> EngineAttention::outputs(std::int64_t from) {
  const std::size_t runs = firsts_.size(), heads = attention_.heads, size = attention_.head_size;
  std::size_t begin = 0;  // the run that `from` lies in
  while (end_of(begin) <= from) ++begin;
  std::vector<std::vector<Run>> of((runs - begin) * heads);
  std::atomic<bool> done = true;
  for_each_index(of.size(), true, [&](std::size_t task) {
    const std::size_t run = begin + task / heads;
    if (done && !changes(task % heads, run, std::max(from, firsts_[run]), of[task])) done = false;
  });
  if (!done) return trouble_ = "it takes more steps than are left (--work), or more distinct columns than this program follows", std::nullopt;
  std::vector<Run> all;
  for (std::size_t r = begin; r < runs; ++r) {
    std::vector<std::size_t> at(heads, 0);
    for (std::int64_t position = std::max(from, firsts_[r]);;) {
      Run y{position, Column(heads * size)};
      std::int64_t next = for_ever;
      for (std::size_t h = 0; h < heads; ++h) {
        const std::vector<Run>& head = of[(r - begin) * heads + h];
        while (at[h] + 1 < head.size() && head[at[h] + 1].first <= position) ++at[h];
        std::copy(head[at[h]].column.begin(), head[at[h]].column.end(), y.column.begin() + static_cast<std::ptrdiff_t>(h * size));
        if (at[h] + 1 < head.size()) next = std::min(next, head[at[h] + 1].first);
      }
      if (!std::all_of(y.column.begin(), y.column.end(), [](double x) { return std::isfinite(x); })) return trouble_ = "a vector is not finite", std::nullopt;
      if (all.size() >= most_columns) return trouble_ = "there are more distinct columns than this program follows", std::nullopt;
      all.push_back(std::move(y));
      if (next == for_ever) break;
      position = next;
    }
  }
  return all;
}

}  // namespace snellen::check
