#include "lib/world/periodic.hpp"

#include <stdexcept>

#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// The mean of the first `columns` entries of each row, rounded to an exact number.
BallVector exact_means(const BallMatrix& x, std::size_t columns, long bits) {
  BallVector means(x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t c = 0; c < columns; ++c) arb_add(means[i], means[i], x(i, c), bits);
    arb_div_ui(means[i], means[i], columns, bits);
    arb_get_mid_arb(means[i], means[i]);
  }
  return means;
}

BallMatrix less(const BallMatrix& x, const BallVector& means, long bits) {
  BallMatrix y(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c) arb_sub(y(i, c), x(i, c), means[i], bits);
  return y;
}

BallMatrix midpoints(const BallMatrix& x, std::size_t columns) {
  BallMatrix y(x.rows(), columns);
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < columns; ++c) arb_get_mid_arb(y(i, c), x(i, c));
  return y;
}

}  // namespace

// One head's query of one column, and the weighted sums that it collects.
class PeriodicWorld::Query {
 public:
  // q: the whole block, with the score's scale.
  Query(const PeriodicWorld& world, const Attention& a, const Block& q, std::span<const Column> columns, std::size_t head, std::size_t column)
      : world_(world), attention_(a), columns_(columns), head_(head), column_(column), row_(head / (a.heads / a.kv_heads) * a.head_size), query_(a.head_size),
        sums_(1 + a.head_size) {
    for (std::size_t i = 0; i < a.head_size; ++i) arb_set(query_[i], q(head * a.head_size + i, column));
  }

  // After infinitely many copies, each like this one.
  void add_infinite_copies(const Block& k, const Block& v) {
    Ball factor, whole;
    set_slope_factor(whole, -static_cast<std::int64_t>(world_.period_));
    arb_sub_ui(whole, whole, 1, bits());
    arb_neg(whole, whole);  // 1 - L, L what a period's distance makes of a weight
    for (std::size_t place = 0; place < world_.period_; ++place) {
      const std::int64_t distance = columns_[column_].position - columns_[place].position;
      set_slope_factor(factor, -(sees(place) ? distance : distance + static_cast<std::int64_t>(world_.period_)));
      arb_div(factor, factor, whole, bits());
      add(k.row(row_) + place, v.row(row_) + place, static_cast<slong>(k.columns()), factor);
    }
    add_own(k, v, world_.period_, -columns_[column_].position);
  }

  // The copies before, and what it sees of its own.
  void add_past_and_own(const Block& k, const Block& v, Memory& memory) {
    const std::size_t size = attention_.head_size;
    BallMatrix centred(size, 1);
    for (std::size_t i = 0; i < size; ++i) arb_sub(centred(i, 0), query_[i], memory.query(head_ * size + i, column_), bits());
    const HeadQuery query(std::move(centred));
    Ball factor, mass;
    for (std::size_t place = 0; place < world_.period_; ++place) {
      HeadPast& past = memory.pasts[(head_ * columns_.size() + column_) * world_.period_ + place];
      if (world_.extent_ == Extent::copy) past.retire(query, world_.accuracy_, bits());
      const BallMatrix sums = past.sums(query, world_.taylor_, world_.accuracy_);
      arb_srcptr key = memory.key.row(row_) + place, value = memory.value.row(row_) + place;
      const auto stride = static_cast<slong>(world_.period_);
      arb_dot(factor, nullptr, 0, query_[0], 1, key, stride, static_cast<slong>(size), bits());
      arb_exp(factor, factor, bits());
      arb_mul(mass, factor, sums(0, 0), bits());
      arb_add(sums_[0], sums_[0], mass, bits());
      for (std::size_t i = 0; i < size; ++i) {
        arb_addmul(sums_[1 + i], factor, sums(1 + i, 0), bits());
        arb_addmul(sums_[1 + i], mass, value + static_cast<slong>(i) * stride, bits());
      }
    }
    add_own(k, v, 0, 0);
  }

  // What its window shows: of its own copy, and of the tokens before it, `recent` (the nearest first).
  void add_window(const Block& k, const Block& v, const std::vector<Memory::Token>& recent) {
    const std::int64_t own = columns_[column_].position, start = columns_[0].position, window = static_cast<std::int64_t>(*attention_.window);
    Ball factor;
    add_own(k, v, 0, -own);
    for (std::int64_t back = 1; own - (start - back) < window && back <= std::ssize(recent); ++back) {
      const Memory::Token& token = recent[static_cast<std::size_t>(back - 1)];
      set_slope_factor(factor, start - back - own);
      add(token.key[row_], token.value[row_], 1, factor);
    }
  }

  // The weighted mean of all that was added.
  BallVector mean(const Memory& memory) const {
    BallVector result(attention_.head_size);
    for (std::size_t i = 0; i < result.size(); ++i) {
      arb_div(result[i], sums_[1 + i], sums_[0], bits());
      arb_add(result[i], result[i], memory.value_mean[row_ + i], bits());
    }
    return result;
  }

 private:
  long bits() const { return world_.bits(); }
  bool sees(std::size_t entry) const {
    const Column& column = columns_[column_];
    return entry < column.trunk || (entry >= column.branch && entry <= column_);
  }
  void set_slope_factor(arb_ptr result, std::int64_t position) const {
    if (attention_.alibi.empty()) arb_one(result);
    else set_alibi_factor(result, attention_.alibi[head_], position, bits());
  }
  // Entries from `first` on of its own block that it sees (and its window shows), with weights e^(slope (position + shift)).
  void add_own(const Block& k, const Block& v, std::size_t first, std::int64_t shift) {
    Ball factor;
    for (std::size_t entry = first; entry <= column_; ++entry) {
      if (!sees(entry)) continue;
      const std::int64_t position = columns_[entry].position;
      if (attention_.window && columns_[column_].position - position >= static_cast<std::int64_t>(*attention_.window)) continue;
      set_slope_factor(factor, position + shift);
      add(k.row(row_) + entry, v.row(row_) + entry, static_cast<slong>(k.columns()), factor);
    }
  }
  // One token, e^(q . k) times the factor its weight; entries of key and value `stride` apart.
  void add(arb_srcptr key, arb_srcptr value, slong stride, arb_srcptr factor) {
    Ball weight;
    arb_dot(weight, nullptr, 0, query_[0], 1, key, stride, static_cast<slong>(query_.size()), bits());
    arb_exp(weight, weight, bits());
    arb_mul(weight, weight, factor, bits());
    arb_add(sums_[0], sums_[0], weight, bits());
    for (std::size_t i = 0; i < query_.size(); ++i) arb_addmul(sums_[1 + i], weight, value + static_cast<slong>(i) * stride, bits());
  }

  const PeriodicWorld& world_;
  const Attention& attention_;
  std::span<const Column> columns_;
  std::size_t head_, column_, row_;  // row_: of the head's key and value
  BallVector query_, sums_;          // sums_: mass, and mass times value
};

PeriodicWorld::PeriodicWorld(Extent extent, std::size_t period, long bits, long accuracy)
    : BallWorld(bits), extent_(extent), period_(period), taylor_(bits, 0), accuracy_(accuracy) {}

BallMatrix PeriodicWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("PeriodicWorld: a run has no limit under learned positions");
}

BallMatrix PeriodicWorld::add_sinusoids(const Block&, std::span<const Column>) const {
  throw std::logic_error("PeriodicWorld: a run has no limit under sinusoidal positions");
}

BallMatrix PeriodicWorld::rotate(const Block&, const Rotary&, std::size_t, std::span<const Column>) const {
  throw std::logic_error("PeriodicWorld: rotary positions are not supported");
}

void PeriodicWorld::centre(const Attention& a, const Block& q, const Block& k, const Block& v, Memory& memory) const {
  memory.key_mean = exact_means(k, period_, bits()), memory.value_mean = exact_means(v, period_, bits());
  memory.query = midpoints(q, q.columns());
  memory.key = midpoints(less(k, memory.key_mean, bits()), period_), memory.value = midpoints(less(v, memory.value_mean, bits()), period_);
  memory.pasts.resize(a.window ? 0 : a.heads * q.columns() * period_);
}

void PeriodicWorld::add_token(const Attention& a, arb_srcptr key, arb_srcptr value, slong stride, std::size_t place, std::int64_t position, Memory& memory) const {
  if (a.window) {
    Memory::Token token{BallVector(memory.key.rows()), BallVector(memory.key.rows())};
    for (std::size_t i = 0; i < memory.key.rows(); ++i) {
      arb_set(token.key[i], key + static_cast<slong>(i) * stride);
      arb_set(token.value[i], value + static_cast<slong>(i) * stride);
    }
    memory.tokens.push_back(std::move(token));
    return;
  }
  const std::size_t columns = memory.query.columns(), size = a.head_size;
  parallel_for(a.heads * columns, [&](std::size_t job) {
    const std::size_t head = job / columns, column = job % columns, row = head / (a.heads / a.kv_heads) * size;
    BallVector dk(size), dv(size);
    Ball weight, factor;
    for (std::size_t i = 0; i < size; ++i) {
      const auto offset = static_cast<slong>(row + i) * stride;
      arb_sub(dk[i], key + offset, memory.key(row + i, place), bits());
      arb_sub(dv[i], value + offset, memory.value(row + i, place), bits());
      arb_addmul(weight, dk[i], memory.query(head * size + i, column), bits());
    }
    arb_exp(weight, weight, bits());
    set_alibi_factor(factor, a.alibi[head], position, bits());
    arb_mul(weight, weight, factor, bits());
    memory.pasts[job * period_ + place].add_token(weight, std::move(dk), dv, bits());
  });
}

void PeriodicWorld::add_tokens(const Attention& a, const BallWorld::Memory& tokens, std::size_t prefix, std::size_t count, Memory& memory) const {
  const std::size_t width = a.kv_heads * a.head_size;
  BallVector key(width), value(width);
  for (std::size_t position = 0; position < count; ++position) {
    for (std::size_t i = 0; i < width; ++i) {
      arb_sub(key[i], tokens.keys[position * width + i], memory.key_mean[i], bits());
      arb_sub(value[i], tokens.values[position * width + i], memory.value_mean[i], bits());
    }
    // Where a prefix's token is counted is a question of speed.
    const std::size_t place = position < prefix ? 0 : (position - prefix) % period_;
    add_token(a, key[0], value[0], 1, place, static_cast<std::int64_t>(position), memory);
  }
}

// What a window may show of the tokens before a copy that begins at `start`, the nearest first. In a tail a token stands for those at the same distance from the
// starts of all later copies too: tokens before `start`, or columns of this block.
std::vector<PeriodicMemory::Token> PeriodicWorld::recent(const Attention& a, const Block& k, const Block& v, std::int64_t start, const Memory& memory) const {
  std::vector<Memory::Token> result;
  const std::size_t width = k.rows();
  for (std::size_t back = 1; back < *a.window; ++back) {
    const auto before = start - static_cast<std::int64_t>(back);
    if (extent_ == Extent::copy && before < 0) break;
    if (extent_ == Extent::tail && before < 0) throw std::logic_error("PeriodicWorld: a tail before the windows are full");
    Memory::Token token{BallVector(width), BallVector(width)};
    const std::size_t place = period_ - 1 - (back - 1) % period_;
    for (std::size_t i = 0; i < width; ++i) {
      if (extent_ != Extent::limit) {
        const Memory::Token& explicit_token = memory.tokens[static_cast<std::size_t>(before)];
        arb_set(token.key[i], explicit_token.key[i]), arb_set(token.value[i], explicit_token.value[i]);
      }
      if (extent_ == Extent::copy) continue;
      arb_srcptr later_key = back > period_ ? result[back - 1 - period_].key[i] : k(i, place);
      arb_srcptr later_value = back > period_ ? result[back - 1 - period_].value[i] : v(i, place);
      if (extent_ == Extent::limit) arb_set(token.key[i], later_key), arb_set(token.value[i], later_value);
      else arb_union(token.key[i], token.key[i], later_key, bits()), arb_union(token.value[i], token.value[i], later_value, bits());
    }
    result.push_back(std::move(token));
  }
  return result;
}

BallMatrix PeriodicWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  if (a.softcap || a.rotary) throw std::logic_error("PeriodicWorld::attend: soft-caps and rotary positions are not supported");
  if (!a.window && a.alibi.empty()) throw std::logic_error("PeriodicWorld::attend: a layer needs slopes or a window");
  const Block query = scale(q, a.scale);
  if (extent_ == Extent::limit) centre(a, query, k, v, memory);
  if (memory.query.columns() != columns.size()) throw std::logic_error("PeriodicWorld::attend: the limit of the same columns comes first");
  const Block key = less(k, memory.key_mean, bits()), value = less(v, memory.value_mean, bits());
  const std::vector<Memory::Token> before = a.window ? recent(a, key, value, columns[0].position, memory) : std::vector<Memory::Token>();

  Block mixed(q.rows(), columns.size());
  parallel_for(a.heads * columns.size(), [&](std::size_t job) {
    const std::size_t head = job % a.heads, column = job / a.heads;
    const auto of = [&](auto add) {
      Query one(*this, a, query, columns, head, column);
      add(one);
      return one.mean(memory);
    };
    const auto windowed = [&](Query& one) { one.add_window(key, value, before); };
    const auto infinite = [&](Query& one) { one.add_infinite_copies(key, value); };
    const auto past = [&](Query& one) { one.add_past_and_own(key, value, memory); };
    BallVector mean = a.window ? of(windowed) : extent_ == Extent::limit ? of(infinite) : of(past);
    if (!a.window && extent_ == Extent::tail) {  // between its first copy and a copy after infinitely many (proofs/periodic.md, `periodic_hull`)
      const BallVector last = of(infinite);
      for (std::size_t i = 0; i < a.head_size; ++i) arb_union(mean[i], mean[i], last[i], bits());
    }
    for (std::size_t i = 0; i < a.head_size; ++i) arb_swap(mixed(head * a.head_size + i, column), mean[i]);
  });
  if (extent_ == Extent::copy)
    for (std::size_t place = 0; place < period_; ++place)
      add_token(a, key.row(0) + place, value.row(0) + place, static_cast<slong>(key.columns()), place, columns[place].position, memory);
  return mixed;
}

}  // namespace snellen
