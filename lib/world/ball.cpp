#include "lib/world/ball.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "lib/number/ball_enclosure.hpp"
#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/exact_product.hpp"
#include "lib/world/ball_activation.hpp"
#include "lib/world/ball_attention.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// Extra bits of the argument of cos and sin at position n: the integer part of the angle needs log2(n).
long position_bits(std::int64_t position) { return 2 + static_cast<long>(std::log2(static_cast<double>(position) + 1.0)); }

BallVector exact_row(const TensorPtr& tensor) {
  BallVector result(tensor->columns());
  set_row(result[0], 1, *tensor, 0);
  return result;
}

// f(i, c) for every entry of x: by columns, as the other operations go, where there are several.
template <class F>
void for_each_entry(const BallMatrix& x, const F& f) {
  if (x.columns() == 1) return parallel_for(x.rows(), [&](std::size_t i) { f(i, 0); });
  parallel_for(x.columns(), [&](std::size_t c) {
    for (std::size_t i = 0; i < x.rows(); ++i) f(i, c);
  });
}

BallMatrix same_shape(const BallMatrix& x) { return BallMatrix(x.rows(), x.columns()); }

}  // namespace

// cos and sin of position * frequency(f), for each (base, dimensions) in use.
class BallWorld::Rotations {
 public:
  struct Table {
    std::map<std::int64_t, BallVector> rows;  // position -> cos_0, sin_0, cos_1, sin_1, ...
  };

  const Table& table(const Rotary& rotary, std::span<const Column> columns, long bits) {
    Table& table = tables_[{rotary.base, rotary.dimensions}];
    std::vector<std::pair<const std::int64_t, BallVector>*> missing;
    for (const Column& column : columns) {
      const auto [place, added] = table.rows.try_emplace(column.position, BallVector(rotary.dimensions));
      if (added) missing.push_back(&*place);
    }
    parallel_for(missing.size(), [&](std::size_t i) {
      auto& [position, row] = *missing[i];
      Ball angle;
      for (std::size_t f = 0; f < rotary.dimensions / 2; ++f) {
        const long working = bits + position_bits(position);
        set_frequency(angle, rotary.base, f, rotary.dimensions, working);
        arb_mul_si(angle, angle, position, working);
        arb_sin_cos(row[2 * f + 1], row[2 * f], angle, bits);
      }
    });
    return table;
  }

 private:
  std::map<std::pair<double, std::size_t>, Table> tables_;
};

BallWorld::BallWorld(long bits) : bits_(bits), rotations_(std::make_shared<Rotations>()) {
  if (bits < 2) throw std::invalid_argument("BallWorld: at least 2 bits");
}

BallMatrix BallWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  Block x(table->columns(), columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c)
    set_row(x(0, c), static_cast<slong>(columns.size()), *table, static_cast<std::size_t>(columns[c].token));
  return x;
}

BallMatrix BallWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
  Block y = same_shape(x);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    BallVector row(table->columns());
    set_row(row[0], 1, *table, static_cast<std::size_t>(columns[c].position));
    for (std::size_t i = 0; i < x.rows(); ++i) arb_add(y(i, c), x(i, c), row[i], bits_);
  }
  return y;
}

// Vaswani et al. 2017: entry 2f is sin, entry 2f+1 is cos, of position / 10000^(2f/width).
BallMatrix BallWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const {
  const auto& table = rotations_->table({10000, x.rows()}, columns, bits_);
  Block y = same_shape(x);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const BallVector& row = table.rows.at(columns[c].position);
    for (std::size_t i = 0; i < x.rows(); ++i) arb_add(y(i, c), x(i, c), row[i % 2 == 0 ? i + 1 : i - 1], bits_);
  }
  return y;
}

BallMatrix BallWorld::scale(const Block& x, const Root& factor) const {
  Block y = same_shape(x);
  Ball f;
  set_root(f, factor, bits_);
  arb_mat_scalar_mul_arb(y.get(), x.get(), f, bits_);
  return y;
}

BallMatrix BallWorld::add(const Block& x, const Block& y) const {
  Block sum = same_shape(x);
  for_each_entry(x, [&](std::size_t i, std::size_t c) {
    arb_add(sum(i, c), x(i, c), y(i, c), bits_);
    arb_set_round(sum(i, c), sum(i, c), deserved_bits(sum(i, c), bits_));
  });
  return sum;
}

BallMatrix BallWorld::multiply(const Block& x, const Block& y) const {
  Block product = same_shape(x);
  for_each_entry(x, [&](std::size_t i, std::size_t c) {
    arb_mul(product(i, c), x(i, c), y(i, c), std::min(deserved_bits(x(i, c), bits_), deserved_bits(y(i, c), bits_)));
  });
  return product;
}

BallMatrix BallWorld::linear(const Linear& map, const Block& x) const {
  if (map.weight->columns() != x.rows()) throw std::logic_error("BallWorld::linear: the weight's columns are not the block's width");
  Block y = exact_product(*PreparedWeights::of(*map.weight), x, bits_);
  if (map.bias) {
    const BallVector bias = exact_row(map.bias);
    for (std::size_t i = 0; i < y.rows(); ++i)
      for (std::size_t c = 0; c < y.columns(); ++c) arb_add(y(i, c), y(i, c), bias[i], bits_);
  }
  return y;
}

BallMatrix BallWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const std::size_t size = x.rows() / groups;
  const BallVector weight = norm_factors(n, size, bits_), bias = n.bias ? exact_row(n.bias) : BallVector();

  Block y = same_shape(x);
  parallel_for(x.columns(), [&](std::size_t c) {
    const auto stride = static_cast<slong>(x.columns());
    const auto count = static_cast<slong>(size);
    BallVector centred(size);
    Ball mean, factor, square;
    for (std::size_t g = 0; g < groups; ++g) {
      arb_srcptr entries = x(g * size, c);
      for (std::size_t i = 0; i < size; ++i) arb_set(centred[i], entries + static_cast<slong>(i) * stride);
      if (n.kind == NormKind::layer) {
        arb_zero(mean);
        for (std::size_t i = 0; i < size; ++i) arb_add(mean, mean, centred[i], bits_);
        arb_div_si(mean, mean, count, bits_);
        for (std::size_t i = 0; i < size; ++i) arb_sub(centred[i], centred[i], mean, bits_);
      }
      arb_zero(factor);
      for (std::size_t i = 0; i < size; ++i) {
        arb_sqr(square, centred[i], deserved_bits(centred[i], bits_));
        arb_add(factor, factor, square, bits_);
      }
      arb_div_si(factor, factor, count, bits_);
      Ball epsilon;
      arb_set_d(epsilon, n.epsilon);
      arb_add(factor, factor, epsilon, bits_);
      const slong deserved = deserved_bits(factor, bits_);
      arb_rsqrt(factor, factor, deserved);
      for (std::size_t i = 0; i < size; ++i) {
        arb_ptr result = y(g * size + i, c);
        arb_mul(result, centred[i], factor, std::min(deserved, deserved_bits(centred[i], bits_)));
        arb_mul(result, result, weight[i], std::min(deserved, deserved_bits(result, bits_)));
        if (n.bias) arb_add(result, result, bias[i], bits_);
      }
    }
  });
  return y;
}

BallMatrix BallWorld::activate(Activation activation, const Block& x) const {
  constexpr std::size_t at_once = 512;
  Block y = same_shape(x);
  const std::size_t count = x.rows() * x.columns();
  parallel_for((count + at_once - 1) / at_once, [&](std::size_t part) {
    std::vector<arb_ptr> results;
    std::vector<arb_srcptr> arguments;
    for (std::size_t i = part * at_once; i < std::min(count, (part + 1) * at_once); ++i) {
      results.push_back(y(i / x.columns(), i % x.columns()));
      arguments.push_back(x(i / x.columns(), i % x.columns()));
    }
    snellen::activate(activation, results, arguments, bits_);
  });
  return y;
}

BallMatrix BallWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  const auto& table = rotations_->table(rotary, columns, bits_);
  const std::size_t head_size = x.rows() / heads, half = rotary.dimensions / 2;
  Block y = x;
  parallel_for(columns.size(), [&](std::size_t c) {
    const BallVector& row = table.rows.at(columns[c].position);
    Ball t, cosine, sine;
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t f = 0; f < half; ++f) {
        const std::size_t a = h * head_size + f, b = a + half;
        const slong bits = std::max(deserved_bits(x(a, c), bits_), deserved_bits(x(b, c), bits_));
        arb_set_round(cosine, row[2 * f], bits);
        arb_set_round(sine, row[2 * f + 1], bits);
        arb_mul(y(a, c), x(a, c), cosine, bits);
        arb_mul(t, x(b, c), sine, bits);
        arb_sub(y(a, c), y(a, c), t, bits);
        arb_mul(y(b, c), x(b, c), cosine, bits);
        arb_mul(t, x(a, c), sine, bits);
        arb_add(y(b, c), y(b, c), t, bits);
      }
  });
  return y;
}

BallMatrix BallWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
                             Memory& memory) const {
  const std::size_t first = memory.entries;
  memory.append(k, v, a.kv_heads, bits_);
  return ball_attention(a, q, columns, first, memory, bits_);
}

BallMatrix BallWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y(x.rows(), columns.size());
  parallel_for(x.rows(), [&](std::size_t i) {
    for (std::size_t c = 0; c < columns.size(); ++c) arb_set(y(i, c), x(i, columns[c]));
  });
  return y;
}

std::vector<Enclosure> BallWorld::enclosures(const Block& x, std::size_t column) const {
  std::vector<Enclosure> result;
  // 32 bits more than the midpoint has: the endpoints' own rounding, outward, adds nothing that could be seen.
  for (std::size_t i = 0; i < x.rows(); ++i) result.push_back(enclosure_of(x(i, column), bits_ + 32));
  return result;
}

}  // namespace snellen
