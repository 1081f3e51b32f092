#include "lib/world/difference.hpp"

#include <stdexcept>

#include "lib/world/ball_functions.hpp"
#include "lib/world/difference_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

std::shared_ptr<const ColumnPairs> pairs_of(const std::vector<std::size_t>& counterparts) {
  auto pairs = std::make_shared<ColumnPairs>();
  std::vector<bool> met(counterparts.size());
  for (std::size_t c = 0; c < counterparts.size(); ++c) {
    const std::size_t other = counterparts[c];
    if (other == no_column) continue;
    if (other >= counterparts.size() || met[other]) throw std::invalid_argument("DifferenceWorld: counterparts are columns of the block, none of them twice");
    met[other] = true;
    if (other != c) pairs->first.push_back(c), pairs->second.push_back(other);
  }
  return pairs;
}

bool is_zero(const BallMatrix& x) { return arb_mat_is_zero(x.get()) != 0; }

// f(row, pair, column first[pair], column second[pair]) for every entry of a block's differences.
template <class F>
void for_each_difference(std::size_t rows, const ColumnPairs& pairs, const F& f) {
  parallel_for(rows, [&](std::size_t i) {
    for (std::size_t p = 0; p < pairs.first.size(); ++p) f(i, p, pairs.first[p], pairs.second[p]);
  });
}

// Column second[i] minus column first[i].
BallMatrix plain_differences(const BallMatrix& x, const ColumnPairs& pairs, long bits) {
  BallMatrix d(x.rows(), pairs.first.size());
  for_each_difference(x.rows(), pairs, [&](std::size_t i, std::size_t p, std::size_t a, std::size_t b) { arb_sub(d(i, p), x(i, b), x(i, a), bits); });
  return d;
}

}  // namespace

DifferenceWorld::DifferenceWorld(long bits, std::vector<std::size_t> counterparts)
    : world_(bits), counterparts_(std::move(counterparts)), pairs_(pairs_of(counterparts_)) {}

auto DifferenceWorld::sharpened(BallMatrix x, BallMatrix d, std::shared_ptr<const ColumnPairs> pairs) const -> Block {
  for_each_difference(x.rows(), *pairs, [&](std::size_t i, std::size_t p, std::size_t a, std::size_t b) {
    Ball plain;
    arb_sub(plain, x(i, b), x(i, a), bits());
    if (mag_cmp(arb_radref(static_cast<arb_srcptr>(plain)), arb_radref(d(i, p))) < 0) arb_swap(d(i, p), plain);
  });
  return {std::move(x), std::move(d), std::move(pairs)};
}

auto DifferenceWorld::embed(const TensorPtr& table, std::span<const Column> columns) const -> Block {
  if (columns.size() != counterparts_.size()) throw std::logic_error("DifferenceWorld::embed: one block, of as many columns as counterparts");
  BallMatrix x = world_.embed(table, columns);
  BallMatrix d = plain_differences(x, *pairs_, bits());
  return {std::move(x), std::move(d), pairs_};
}

auto DifferenceWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const -> Block {
  const BallMatrix rows = world_.add_rows(BallMatrix(width(x), tokens(x)), table, columns);
  return {world_.add(x.x, rows), world_.add(x.d, plain_differences(rows, *x.pairs, bits())), x.pairs};
}

auto DifferenceWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const -> Block {
  const BallMatrix rows = world_.add_sinusoids(BallMatrix(width(x), tokens(x)), columns);
  return {world_.add(x.x, rows), world_.add(x.d, plain_differences(rows, *x.pairs, bits())), x.pairs};
}

auto DifferenceWorld::scale(const Block& x, const Root& factor) const -> Block { return {world_.scale(x.x, factor), world_.scale(x.d, factor), x.pairs}; }

auto DifferenceWorld::add(const Block& x, const Block& y) const -> Block { return sharpened(world_.add(x.x, y.x), world_.add(x.d, y.d), x.pairs); }

// u' v' - u v = du v' + u dv.
auto DifferenceWorld::multiply(const Block& x, const Block& y) const -> Block {
  BallMatrix d(x.d.rows(), x.d.columns());
  for_each_difference(d.rows(), *x.pairs, [&](std::size_t i, std::size_t p, std::size_t a, std::size_t b) {
    arb_mul(d(i, p), x.d(i, p), y.x(i, b), bits());
    arb_addmul(d(i, p), x.x(i, a), y.d(i, p), bits());
  });
  return sharpened(world_.multiply(x.x, y.x), std::move(d), x.pairs);
}

auto DifferenceWorld::linear(const Linear& map, const Block& x) const -> Block {
  BallMatrix d = is_zero(x.d) ? BallMatrix(map.weight->rows(), x.d.columns()) : world_.linear({map.weight, nullptr}, x.d);
  return {world_.linear(map, x.x), std::move(d), x.pairs};
}

auto DifferenceWorld::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  const std::size_t size = width(x) / groups;
  const BallVector factors = norm_factors(n, size, bits());
  BallMatrix d(x.d.rows(), x.d.columns());
  const auto stride = static_cast<slong>(tokens(x)), d_stride = static_cast<slong>(d.columns());
  parallel_for(d.columns() * groups, [&](std::size_t job) {
    const std::size_t p = job / groups, row = job % groups * size;
    norm_difference(n, d(row, p), d_stride, {x.x(row, x.pairs->first[p]), stride}, {x.x(row, x.pairs->second[p]), stride}, {x.d(row, p), d_stride}, {factors[0], 1}, size,
                    bits());
  });
  return sharpened(world_.norm(n, x.x, groups), std::move(d), x.pairs);
}

auto DifferenceWorld::activate(Activation activation, const Block& x) const -> Block {
  BallMatrix d(x.d.rows(), x.d.columns());
  for_each_difference(d.rows(), *x.pairs, [&](std::size_t i, std::size_t p, std::size_t a, std::size_t b) {
    activation_difference(activation, d(i, p), x.x(i, a), x.x(i, b), x.d(i, p), bits());
  });
  return sharpened(world_.activate(activation, x.x), std::move(d), x.pairs);
}

auto DifferenceWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const -> Block {
  std::vector<Column> firsts;
  for (const std::size_t c : x.pairs->first) firsts.push_back(columns[c]);
  return {world_.rotate(x.x, rotary, heads, columns), world_.rotate(x.d, rotary, heads, firsts), x.pairs};
}

auto DifferenceWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const -> Block {
  if (memory.entries != 0 || columns.size() != counterparts_.size()) throw std::logic_error("DifferenceWorld::attend: one block, with no memory before it");
  BallMatrix mixed = world_.attend(a, q.x, k.x, v.x, columns, memory);
  BallMatrix d = attention_difference(a, {q.x, q.d}, {k.x, k.d}, {v.x, v.d}, mixed, columns, counterparts_, *q.pairs, bits());
  return sharpened(std::move(mixed), std::move(d), q.pairs);
}

auto DifferenceWorld::select(const Block& x, std::span<const std::size_t> columns) const -> Block {
  std::vector<std::size_t> place(tokens(x), no_column), kept;
  for (std::size_t i = 0; i < columns.size(); ++i) place[columns[i]] = i;
  auto pairs = std::make_shared<ColumnPairs>();
  for (std::size_t p = 0; p < x.pairs->first.size(); ++p) {
    const std::size_t first = place[x.pairs->first[p]], second = place[x.pairs->second[p]];
    if (first == no_column || second == no_column) continue;
    pairs->first.push_back(first), pairs->second.push_back(second), kept.push_back(p);
  }
  return {world_.select(x.x, columns), world_.select(x.d, kept), std::move(pairs)};
}

}  // namespace snellen
