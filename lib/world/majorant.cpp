#include "lib/world/majorant.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// At least |x - y|.
Magnitude apart(arb_srcptr x, arb_srcptr y, long bits) {
  Ball difference;
  arb_sub(difference, x, y, bits);
  return Magnitude::of(difference);
}

void cut_to(arb_ptr x, arb_srcptr known, long bits) {
  if (!arb_is_finite(known)) return;
  if (!arb_is_finite(x)) {
    arb_set(x, known);
  } else if (!arb_intersection(x, x, known, bits)) {
    throw std::logic_error("MajorantWorld: two enclosures are disjoint");
  }
}

// At least |f'| on the ball x, f an activation. Each has a bound of its own on the whole line (proofs/majorant.md, `slopes`).
Magnitude slope(Activation activation, arb_srcptr x, long bits) {
  Ball t, u, one, result;
  arb_one(one);
  double everywhere = 1;
  // result = s (1 + u (1 - s)), s = 1/(1 + e^-t): the derivative of x / (1 + e^-t(x)) where u = x t'(x).
  const auto of_sigmoid = [&] {
    Ball s, rest;
    arb_neg(s, t);
    arb_exp(rest, t, bits);
    arb_exp(s, s, bits);
    arb_add(s, s, one, bits);
    arb_inv(s, s, bits);
    arb_add(rest, rest, one, bits);
    arb_inv(rest, rest, bits);  // 1 - s
    arb_mul(rest, rest, u, bits);
    arb_add(rest, rest, one, bits);
    arb_mul(result, rest, s, bits);
  };
  switch (activation) {
    case Activation::identity: return Magnitude::of(1UL);
    case Activation::relu: return arb_is_negative(x) ? Magnitude() : Magnitude::of(1UL);
    case Activation::silu:
      everywhere = 1.375;
      arb_set(t, x), arb_set(u, x);
      of_sigmoid();
      break;
    case Activation::gelu_exact: {  // Phi(x) + x phi(x)
      everywhere = 1.25;
      arb_sqrt_ui(t, 2, bits);
      arb_div(t, x, t, bits);
      arb_sqr(u, t, bits);
      arb_neg(u, u);
      arb_exp(u, u, bits);
      arb_mul(u, u, x, bits);
      Ball root;
      arb_const_pi(root, bits);
      arb_mul_2exp_si(root, root, 1);
      arb_sqrt(root, root, bits);
      arb_div(u, u, root, bits);
      arb_neg(t, t);
      arb_hypgeom_erfc(t, t, bits);
      arb_mul_2exp_si(t, t, -1);
      arb_add(result, t, u, bits);
      break;
    }
    case Activation::gelu_tanh: {  // t = 2 sqrt(2/pi) (x + a x^3), u = x t' = 2 sqrt(2/pi) (x + 3 a x^3)
      everywhere = 2.125;
      Ball cube, root;
      arb_const_pi(root, bits);
      arb_ui_div(root, 8, root, bits);
      arb_sqrt(root, root, bits);
      arb_pow_ui(cube, x, 3, bits);
      arb_mul_ui(cube, cube, 44715, bits);
      arb_div_ui(cube, cube, 1000000, bits);
      arb_add(t, x, cube, bits);
      arb_mul(t, t, root, bits);
      arb_mul_ui(u, cube, 3, bits);
      arb_add(u, u, x, bits);
      arb_mul(u, u, root, bits);
      of_sigmoid();
      break;
    }
  }
  Magnitude bound, here = Magnitude::of(result);
  mag_set_d(bound.get(), everywhere);
  return here < bound ? here : bound;
}

MajorantBlock empty_block(std::size_t width, std::size_t columns) { return {BallMatrix(width, 2 * columns), std::vector<Decay>(width * columns)}; }

std::vector<double> entries_or(const TensorPtr& tensor, std::size_t size, double otherwise) {
  if (!tensor) return std::vector<double>(size, otherwise);
  std::vector<double> values(size);
  tensor->read_row(0, values);
  return values;
}

Magnitude magnitude(double x) {
  Magnitude result;
  mag_set_d(result.get(), x);
  return result;
}

}  // namespace

MajorantWorld::MajorantWorld(Length first, const RunShape& shape, std::shared_ptr<const BallWorld> balls)
    : shape_(shape), balls_(std::move(balls)), decays_(std::move(first)) {}

MajorantMemory MajorantWorld::prepare(BallWorld::Memory tokens, long bits) {
  MajorantMemory memory;
  const std::size_t width = tokens.keys.size() / tokens.entries;
  memory.key_total = BallVector(width), memory.value_hull = BallVector(width);
  for (std::size_t e = 0; e < tokens.entries; ++e)
    for (std::size_t i = 0; i < width; ++i) {
      arb_add(memory.key_total[i], memory.key_total[i], tokens.keys[e * width + i], bits);
      arb_srcptr value = tokens.values[e * width + i];
      if (e == 0) arb_set(memory.value_hull[i], value);
      else arb_union(memory.value_hull[i], memory.value_hull[i], value, bits);
    }
  memory.tokens = std::move(tokens);
  return memory;
}

void MajorantWorld::tighten(Block& x) const {
  const std::size_t columns = x.columns();
  for (std::size_t c = 0; c < columns; ++c)
    for (std::size_t i = 0; i < x.width(); ++i) {
      Ball known;
      arb_set(known, x.limit(i, c));
      arb_add_error_mag(known, decays_.supremum(x.deviation(i, c)).get());
      cut_to(x.balls(i, columns + c), known, balls_->bits());
    }
}

MajorantBlock MajorantWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  std::vector<Column> twice(columns.begin(), columns.end());
  twice.insert(twice.end(), columns.begin(), columns.end());
  return {balls_->embed(table, twice), std::vector<Decay>(table->columns() * columns.size())};
}

MajorantBlock MajorantWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("MajorantWorld: a run has no limit under learned positions");
}

MajorantBlock MajorantWorld::add_sinusoids(const Block&, std::span<const Column>) const {
  throw std::logic_error("MajorantWorld: a run has no limit under sinusoidal positions");
}

MajorantBlock MajorantWorld::scale(const Block& x, const Root& factor) const {
  Block y{balls_->scale(x.balls, factor), std::vector<Decay>(x.deviations.size())};
  Ball f;
  set_root(f, factor, balls_->bits());
  for (std::size_t i = 0; i < y.deviations.size(); ++i) y.deviations[i].add(x.deviations[i], Magnitude::of(f));
  return y;
}

MajorantBlock MajorantWorld::add(const Block& x, const Block& y) const {
  Block sum{balls_->add(x.balls, y.balls), x.deviations};
  for (std::size_t i = 0; i < sum.deviations.size(); ++i) sum.deviations[i] += y.deviations[i];
  tighten(sum);
  return sum;
}

// x y - r s = x (y - s) + s (x - r).
MajorantBlock MajorantWorld::multiply(const Block& x, const Block& y) const {
  Block product{balls_->multiply(x.balls, y.balls), std::vector<Decay>(x.deviations.size())};
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.width(); ++i) {
      Decay& d = product.deviation(i, c);
      d.add(y.deviation(i, c), Magnitude::of(x.range(i, c)));
      d.add(x.deviation(i, c), Magnitude::of(y.limit(i, c)));
    }
  tighten(product);
  return product;
}

MajorantBlock MajorantWorld::linear(const Linear& map, const Block& x) const {
  const std::size_t columns = x.columns();
  Block y{balls_->linear(map, x.balls), std::vector<Decay>(map.weight->rows() * columns)};
  parallel_for(y.width(), [&](std::size_t i) {
    std::vector<double> row(x.width());
    map.weight->read_row(i, row);
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (row[j] == 0) continue;
      const Magnitude weight = magnitude(row[j]);
      for (std::size_t c = 0; c < columns; ++c) y.deviation(i, c).add(x.deviation(j, c), weight);
    }
  });
  tighten(y);
  return y;
}

MajorantBlock MajorantWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = balls_->bits();
  const std::size_t size = x.width() / groups, columns = x.columns();
  Block y{balls_->norm(n, x.balls, groups), std::vector<Decay>(x.deviations.size())};
  std::vector<double> weight = entries_or(n.weight, size, 1), bias = entries_or(n.bias, size, 0);
  std::vector<Magnitude> weights;
  for (const double w : weight) {
    Ball exact;
    arb_set_d(exact, w);
    if (n.weight && n.unit_offset) arb_add_ui(exact, exact, 1, bits);
    weights.push_back(Magnitude::of(exact));
  }
  const Magnitude root_of_size = [&] {
    Magnitude root = Magnitude::of(size);
    mag_sqrt(root.get(), root.get());
    return root;
  }();

  parallel_for(columns * groups, [&](std::size_t job) {
    const std::size_t c = job / groups, begin = job % groups * size;
    // What is normalised: its limit, range and deviation.
    BallVector limit(size), range(size);
    std::vector<Decay> deviation(size);
    Ball mean, range_mean;
    Decay of_mean;
    for (std::size_t i = 0; i < size; ++i) {
      arb_set(limit[i], x.limit(begin + i, c)), arb_set(range[i], x.range(begin + i, c));
      deviation[i] = x.deviation(begin + i, c);
      arb_add(mean, mean, limit[i], bits), arb_add(range_mean, range_mean, range[i], bits);
      of_mean += deviation[i];
    }
    Magnitude share = Magnitude::of(1UL);
    mag_div_ui(share.get(), share.get(), size);
    if (n.kind == NormKind::layer) {
      arb_div_ui(mean, mean, size, bits), arb_div_ui(range_mean, range_mean, size, bits);
      for (std::size_t i = 0; i < size; ++i) {
        arb_sub(limit[i], limit[i], mean, bits), arb_sub(range[i], range[i], range_mean, bits);
        deviation[i].add(of_mean, share);  // |x_i - mean - limit| <= |dx_i| + mean of |dx|
        Ball known;
        arb_set(known, limit[i]);
        arb_add_error_mag(known, decays_.supremum(deviation[i]).get());
        cut_to(range[i], known, bits);
      }
    }
    // rho = sqrt(mean square + epsilon) from below: at the limit, and on the range. With y = x / rho at x and s = r / rho' at the limit,
    // y_i - s_i = (x_i - r_i) / rho' + y_i (rho' - rho) / rho', where |y_i| <= sqrt(size).
    const auto root_below = [&](const BallVector& v) {
      Ball sum, term;
      Magnitude low;
      for (std::size_t i = 0; i < size; ++i) {
        arb_get_mag_lower(low.get(), v[i]);
        arf_set_mag(arb_midref(static_cast<arb_ptr>(term)), low.get());
        arb_addmul(sum, term, term, bits);
      }
      arb_div_ui(sum, sum, size, bits);
      arb_set_d(term, n.epsilon);
      arb_add(sum, sum, term, bits);
      arb_sqrt(sum, sum, bits);
      arb_get_mag_lower_nonnegative(low.get(), sum);
      return low;
    };
    const Magnitude below_limit = root_below(limit), below_range = root_below(range);
    Magnitude inverse_root, roots, inverse_roots, inverse_root_of_size;
    mag_inv(inverse_root.get(), below_limit.get());
    mag_add_lower(roots.get(), below_limit.get(), below_range.get());
    mag_inv(inverse_roots.get(), roots.get());
    mag_rsqrt(inverse_root_of_size.get(), Magnitude::of(size).get());
    // |rho' - rho|, a difference of norms, is at most |x - r| / sqrt(size), and the difference of the mean squares over rho + rho'.
    Decay of_root, by_squares;
    for (std::size_t i = 0; i < size; ++i) {
      Ball both;
      arb_add(both, range[i], limit[i], bits);
      by_squares.add(deviation[i], Magnitude::of(both) * share * inverse_roots);
      of_root.add(deviation[i], inverse_root_of_size);
    }
    if (decays_.supremum(by_squares) < decays_.supremum(of_root)) of_root = std::move(by_squares);
    Magnitude inverse_range;
    mag_inv(inverse_range.get(), below_range.get());
    for (std::size_t i = 0; i < size; ++i) {
      Magnitude normalised = Magnitude::of(range[i]) * inverse_range;
      if (root_of_size < normalised) normalised = root_of_size;
      Decay& d = y.deviation(begin + i, c);
      d.add(deviation[i], inverse_root * weights[i]);
      d.add(of_root, normalised * inverse_root * weights[i]);
      // No entry exceeds the root of the sum of squares.
      Ball known;
      arb_set_d(known, bias[i]);
      arb_add_error_mag(known, (root_of_size * weights[i]).get());
      cut_to(y.balls(begin + i, columns + c), known, bits);
    }
  });
  tighten(y);
  return y;
}

MajorantBlock MajorantWorld::activate(Activation activation, const Block& x) const {
  Block y{balls_->activate(activation, x.balls), std::vector<Decay>(x.deviations.size())};
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.width(); ++i) y.deviation(i, c).add(x.deviation(i, c), slope(activation, x.range(i, c), balls_->bits()));
  tighten(y);
  return y;
}

MajorantBlock MajorantWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y = empty_block(x.width(), columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < x.width(); ++i) {
      arb_set(y.balls(i, c), x.limit(i, columns[c]));
      arb_set(y.balls(i, columns.size() + c), x.range(i, columns[c]));
      y.deviation(i, c) = x.deviation(i, columns[c]);
    }
  return y;
}

namespace {

// The tail of an earlier world ends where this one's begins.
void close(RunPart& part, const Length& end, long bits) {
  const Decays decays(part.first);
  part.count = end - part.first;
  const auto sums = [&](const MajorantBlock& block) {
    std::vector<Magnitude> result;
    for (std::size_t c = 0; c < block.columns(); ++c)
      for (std::size_t i = 0; i < block.width(); ++i) {
        Magnitude by_decay = decays.sum(block.deviation(i, c), end), by_range = apart(block.range(i, c), block.limit(i, c), bits) * magnitude_of(part.count);
        result.push_back(by_range < by_decay ? by_range : by_decay);
      }
    return result;
  };
  part.key_sums = sums(part.keys), part.value_sums = sums(part.values);
}

}  // namespace

MajorantBlock MajorantWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column>, Memory& memory) const {
  if (!a.alibi.empty() && !a.window) throw std::logic_error("MajorantWorld::attend: ALiBi without a window");
  if (a.rotary && !a.window && shape_.unit > 1) throw std::logic_error("MajorantWorld::attend: rotary positions and a unit of several tokens");
  const long bits = balls_->bits();
  const std::size_t next = memory.parts.empty() ? shape_.copies + 1 : 0;
  if (memory.parts.empty() ? decays_.first() != next : decays_.first() <= memory.parts.back().first) throw std::logic_error("MajorantWorld: worlds out of order");
  if (!memory.parts.empty()) close(memory.parts.back(), decays_.first(), bits);
  std::vector<std::size_t> unit(shape_.unit);
  for (std::size_t b = 0; b < unit.size(); ++b) unit[b] = b;
  memory.parts.push_back({decays_.first(), 0, select(k, unit), select(v, unit), {}, {}});

  const std::size_t columns = q.columns(), group = a.heads / a.kv_heads;
  Block mixed = empty_block(q.width(), columns);
  const MajorantAttention attention(a, shape_, decays_, q, k, v, memory, bits);
  parallel_for(a.heads * columns, [&](std::size_t job) {
    const std::size_t head = job % a.heads, c = job / a.heads;
    HeadMajorant output = attention.output(head, c);
    for (std::size_t i = 0; i < a.head_size; ++i) {
      const std::size_t row = head * a.head_size + i, value = head / group * a.head_size + i;
      arb_swap(mixed.balls(row, c), output.limit[i]);
      mixed.deviation(row, c) = std::move(output.deviation[i]);
      // A mean of values: the explicit ones, those of all copies, and of the suffix.
      arb_ptr range = mixed.balls(row, columns + c);
      arb_set(range, v.range(value, 0));
      if (memory.tokens.entries > 0) arb_union(range, range, memory.value_hull[value], bits);
      for (const RunPart& part : memory.parts)
        for (std::size_t b = 0; b < shape_.unit; ++b) arb_union(range, range, part.values.range(value, b), bits);
      for (std::size_t s = shape_.unit; s < v.columns(); ++s) arb_union(range, range, v.range(value, s), bits);
    }
  });
  tighten(mixed);
  return mixed;
}

std::vector<Enclosure> MajorantWorld::enclosures(const Block& x, std::size_t column) const { return balls_->enclosures(x.balls, x.columns() + column); }

BallMatrix MajorantWorld::from(const Block& x, std::size_t column, const Length& n) const {
  BallMatrix result(x.width(), 1);
  for (std::size_t i = 0; i < x.width(); ++i) {
    arb_set(result(i, 0), x.range(i, column));
    Ball known;
    arb_set(known, x.limit(i, column));
    arb_add_error_mag(known, decays_.from(x.deviation(i, column), n).get());
    cut_to(result(i, 0), known, balls_->bits());
  }
  return result;
}

BallMatrix MajorantWorld::limit(const Block& x, std::size_t column) const {
  BallMatrix result(x.width(), 1);
  for (std::size_t i = 0; i < x.width(); ++i) arb_set(result(i, 0), x.limit(i, column));
  return result;
}

}  // namespace snellen
