#include "lib/world/reverse.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/exact_product.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/ball_slopes.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// dy times a factor for every entry of the block, entry by entry.
Cotangents times(const Cotangents& dy, const BallMatrix& factors, long bits) {
  Cotangents dx{dy.slots, BallMatrix(dy.values.rows(), dy.size())};
  parallel_for(dx.values.rows(), [&](std::size_t i) {
    for (std::size_t s = 0; s < dx.size(); ++s) {
      arb_srcptr factor = factors(i, dy.slots[s].column), y = dy.values(i, s);
      arb_mul(dx.values(i, s), y, factor, std::min(deserved_bits(factor, bits), deserved_bits(y, bits)));
    }
  });
  return dx;
}

std::vector<Column> columns_of(const Cotangents& dy, std::span<const Column> columns) {
  std::vector<Column> result;
  for (const Slot& slot : dy.slots) result.push_back(columns[slot.column]);
  return result;
}

// What a norm's derivative needs of one column and group: y_i = w_i f (x_i - mean) + b_i, f = 1 / sqrt(mean((x - mean)^2) + epsilon).
struct Normalised {
  BallVector centred;
  Ball factor, square;  // f, f^2 / size
};

Normalised normalised(const Norm& n, const BallMatrix& x, std::size_t row, std::size_t size, std::size_t c, long bits) {
  Normalised result{BallVector(size), {}, {}};
  const auto count = static_cast<slong>(size);
  Ball mean, epsilon;
  if (n.kind == NormKind::layer) {
    for (std::size_t i = 0; i < size; ++i) arb_add(mean, mean, x(row + i, c), bits);
    arb_div_si(mean, mean, count, bits);
  }
  for (std::size_t i = 0; i < size; ++i) {
    arb_sub(result.centred[i], x(row + i, c), mean, bits);
    arb_addmul(result.square, result.centred[i], result.centred[i], bits);
  }
  arb_div_si(result.square, result.square, count, bits);
  arb_set_d(epsilon, n.epsilon);
  arb_add(result.square, result.square, epsilon, bits);
  arb_rsqrt(result.factor, result.square, bits);
  arb_mul_si(result.square, result.square, count, bits);
  arb_inv(result.square, result.square, bits);
  return result;
}

}  // namespace

auto ReverseWorld::scale(const Block& x, const Root& factor) const -> Block {
  return record(balls_.scale(*x.value, factor), {x.node}, [factor, bits = bits()](const Cotangents& dy) {
    Ball f;
    set_root(f, factor, bits);
    Cotangents dx = dy;
    arb_mat_scalar_mul_arb(dx.values.get(), dx.values.get(), f, bits);
    return std::vector<Cotangents>{std::move(dx)};
  });
}

auto ReverseWorld::add(const Block& x, const Block& y) const -> Block {
  return record(balls_.add(*x.value, *y.value), {x.node, y.node}, [](const Cotangents& dy) { return std::vector<Cotangents>{dy, dy}; });
}

auto ReverseWorld::multiply(const Block& x, const Block& y) const -> Block {
  return record(balls_.multiply(*x.value, *y.value), {x.node, y.node}, [x = x.value, y = y.value, bits = bits()](const Cotangents& dy) {
    std::vector<Cotangents> back;
    back.push_back(times(dy, *y, bits)), back.push_back(times(dy, *x, bits));
    return back;
  });
}

auto ReverseWorld::linear(const Linear& map, const Block& x) const -> Block {
  // One tape serves many sweeps: the transposed weights are prepared when the first comes, and kept.
  auto prepared = std::make_shared<std::unique_ptr<const PreparedWeights>>();
  return record(balls_.linear(map, *x.value), {x.node}, [weight = map.weight, prepared, bits = bits()](const Cotangents& dy) {
    if (!*prepared) *prepared = std::make_unique<const PreparedWeights>(transposed(*weight));
    std::vector<Cotangents> back(1);
    back[0] = {dy.slots, exact_product(**prepared, dy.values, bits)};
    return back;
  });
}

auto ReverseWorld::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  return record(balls_.norm(n, *x.value, groups), {x.node}, [n, x = x.value, groups, bits = bits()](const Cotangents& dy) {
    const std::size_t size = x->rows() / groups;
    BallVector weight(size);
    std::vector<double> stored = n.weight ? read_all(*n.weight) : std::vector<double>(size, 1.0);
    for (std::size_t i = 0; i < size; ++i) {
      arb_set_d(weight[i], stored[i]);
      if (n.weight && n.unit_offset) arb_add_ui(weight[i], weight[i], 1, bits);
    }
    // The slots of each column together.
    std::map<std::size_t, std::vector<std::size_t>> by_column;
    for (std::size_t s = 0; s < dy.size(); ++s) by_column[dy.slots[s].column].push_back(s);
    const std::vector<std::pair<std::size_t, std::vector<std::size_t>>> work(by_column.begin(), by_column.end());
    Cotangents dx{dy.slots, BallMatrix(x->rows(), dy.size())};
    parallel_for(work.size() * groups, [&](std::size_t job) {
      const auto& [column, slots] = work[job / groups];
      const std::size_t row = job % groups * size;
      const Normalised at = normalised(n, *x, row, size, column, bits);
      BallVector t(size);
      Ball along, mean;
      for (const std::size_t s : slots) {
        // d x = f (t - centred <centred, t> f^2 / size), t = w dy; for a layer norm less its mean, since centring is a symmetric projection.
        arb_zero(along), arb_zero(mean);
        for (std::size_t i = 0; i < size; ++i) {
          arb_mul(t[i], weight[i], dy.values(row + i, s), bits);
          arb_addmul(along, at.centred[i], t[i], bits);
        }
        arb_mul(along, along, at.square, bits);
        for (std::size_t i = 0; i < size; ++i) {
          arb_submul(t[i], at.centred[i], along, bits);
          arb_add(mean, mean, t[i], bits);
        }
        arb_div_si(mean, mean, static_cast<slong>(size), bits);
        for (std::size_t i = 0; i < size; ++i) {
          if (n.kind == NormKind::layer) arb_sub(t[i], t[i], mean, bits);
          arb_ptr y = dx.values(row + i, s);
          arb_mul(y, t[i], at.factor, bits);
          arb_set_round(y, y, deserved_bits(y, bits));
        }
      }
    });
    std::vector<Cotangents> back;
    back.push_back(std::move(dx));
    return back;
  });
}

auto ReverseWorld::activate(Activation activation, const Block& x) const -> Block {
  auto slopes = std::make_shared<BallMatrix>();
  return record(balls_.activate(activation, *x.value), {x.node}, [activation, x = x.value, slopes, bits = bits()](const Cotangents& dy) {
    if (slopes->rows() == 0) {
      *slopes = BallMatrix(x->rows(), x->columns());
      parallel_for(x->rows(), [&](std::size_t i) {
        for (std::size_t c = 0; c < x->columns(); ++c) apply_slope(activation, (*slopes)(i, c), (*x)(i, c), deserved_bits((*x)(i, c), bits));
      });
    }
    std::vector<Cotangents> back;
    back.push_back(times(dy, *slopes, bits));
    return back;
  });
}

auto ReverseWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const -> Block {
  // The transposed rotation is the rotation between two reflections of each pair's second entry.
  return record(balls_.rotate(*x.value, rotary, heads, columns), {x.node},
                [this, rotary, heads, all = std::vector<Column>(columns.begin(), columns.end())](const Cotangents& dy) {
                  const std::size_t size = dy.values.rows() / heads, half = rotary.dimensions / 2;
                  const auto reflect = [&](BallMatrix& y) {
                    for (std::size_t h = 0; h < heads; ++h)
                      for (std::size_t f = 0; f < half; ++f)
                        for (std::size_t s = 0; s < y.columns(); ++s) arb_neg(y(h * size + half + f, s), y(h * size + half + f, s));
                  };
                  BallMatrix reflected = dy.values;
                  reflect(reflected);
                  std::vector<Cotangents> back(1);
                  back[0] = {dy.slots, balls_.rotate(reflected, rotary, heads, columns_of(dy, all))};
                  reflect(back[0].values);
                  return back;
                });
}

auto ReverseWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const -> Block {
  if (memory.entries != 0) throw std::logic_error("ReverseWorld::attend: all tokens have to come in one block");
  BallMatrix value = balls_.attend(attention, *q.value, *k.value, *v.value, columns, memory);
  const auto step = std::make_shared<const AttentionStep>(attention_step(attention, columns, q.value, k.value, v.value, bits()));
  tape_.attentions.push_back(step);
  return record(std::move(value), {q.node, k.node, v.node}, [step, bits = bits()](const Cotangents& dy) {
    AttentionCotangents of = snellen::pull(*step, dy, bits);
    std::vector<Cotangents> back;
    back.push_back(std::move(of.q)), back.push_back(std::move(of.k)), back.push_back(std::move(of.v));
    return back;
  });
}

auto ReverseWorld::select(const Block& x, std::span<const std::size_t> columns) const -> Block {
  return record(balls_.select(*x.value, columns), {x.node}, [chosen = std::vector<std::size_t>(columns.begin(), columns.end()), bits = bits()](const Cotangents& dy) {
    Cotangents dx;
    // One slot at a time where a column was chosen more than once: their cotangents add up.
    for (std::size_t s = 0; s < dy.size(); ++s) {
      Cotangents one{{{dy.slots[s].direction, chosen[dy.slots[s].column]}}, BallMatrix(dy.values.rows(), 1)};
      for (std::size_t i = 0; i < dy.values.rows(); ++i) arb_set(one.values(i, 0), dy.values(i, s));
      dx = snellen::add(dx, std::move(one), bits);
    }
    std::vector<Cotangents> back;
    back.push_back(std::move(dx));
    return back;
  });
}

}  // namespace snellen
