#include "lib/world/majorant.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/world/activation_derivative.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long coarse_bits = 64;
constexpr long small_share = -30;  // log2 of what a factor may make of a column, beside all of them, to be folded into the rests
// More factors than these are folded together: work grows with them.
std::size_t most_factors(std::size_t width) { return std::max(3 * width, std::min<std::size_t>(8 * width, 512)); }

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

void scale_column(BallMatrix& result, const BallMatrix& x, std::size_t i, std::size_t begin, std::size_t count, arb_srcptr factor) {
  for (std::size_t g = begin; g < begin + count; ++g) arb_mul(result(i, g), x(i, g), factor, coarse_bits);
}

// A block of the same factors, with no linear part yet.
MajorantBlock with_factors_of(const MajorantBlock& x, BallMatrix balls) {
  MajorantBlock y(std::move(balls));
  y.factors = x.factors;
  y.linear = BallMatrix(y.width(), x.linear.columns());
  return y;
}

// work(i) for i < count, on all threads where `size` says that it is worth it.
template <class Work>
void for_each_index(std::size_t count, std::size_t size, const Work& work) {
  constexpr std::size_t worth_threads = 1 << 15;
  if (size >= worth_threads) return parallel_for(count, work);
  for (std::size_t i = 0; i < count; ++i) work(i);
}

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
    : shape_(shape), balls_(std::move(balls)), coarse_(std::make_shared<const BallWorld>(coarse_bits)), decays_(std::move(first)) {}

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

template <unsigned long order>
void MajorantWorld::keep_lesser(DecayOf<order>& x, DecayOf<order> other) const {
  if (decays_.supremum(other) < decays_.supremum(x)) x = std::move(other);
}

void MajorantWorld::tighten(Block& x) const {
  const std::size_t columns = x.columns(), factors = x.factor_count();
  for_each_index(x.width(), x.width() * columns * factors, [&](std::size_t i) {
    for (std::size_t c = 0; c < columns; ++c) {
      Motion by_factors = x.rest_of(i, c);
      for (std::size_t g = 0; g < factors; ++g) by_factors.add(x.factors[c * factors + g], Magnitude::of(x.linear(i, c * factors + g)));
      Motion& motion = x.motion(i, c);
      keep_lesser(motion.deviation, std::move(by_factors.deviation));
      keep_lesser(motion.step, std::move(by_factors.step));
      Ball known;
      arb_set(known, x.limit(i, c));
      arb_add_error_mag(known, decays_.supremum(motion.deviation).get());
      cut_to(x.balls(i, columns + c), known, balls_->bits());
    }
  });
}

// |x - r - the other factors' part| <= |rest| + |L_g| |e_g|, and so for steps.
void MajorantWorld::fold_small_factors(Block& x) const {
  const std::size_t columns = x.columns(), factors = x.factor_count();
  std::vector<bool> kept(factors);
  for (std::size_t c = 0; c < columns; ++c) {
    std::vector<Magnitude> sizes(factors);
    Magnitude all;
    for (std::size_t g = 0; g < factors; ++g) {
      for (std::size_t i = 0; i < x.width(); ++i) sizes[g] += Magnitude::of(x.linear(i, c * factors + g));
      sizes[g] *= decays_.supremum(x.factors[c * factors + g].deviation);
      all += sizes[g];
    }
    for (std::size_t g = 0; g < factors; ++g)
      if (!(sizes[g] < shifted(all, small_share))) kept[g] = true;
  }
  const auto count = static_cast<std::size_t>(std::count(kept.begin(), kept.end(), true));
  BallMatrix linear(x.width(), columns * count);
  std::vector<Motion> left;
  for (std::size_t c = 0; c < columns; ++c)
    for (std::size_t g = 0, place = c * count; g < factors; ++g) {
      const Motion& factor = x.factors[c * factors + g];
      for (std::size_t i = 0; i < x.width(); ++i) {
        if (kept[g]) arb_swap(linear(i, place), x.linear(i, c * factors + g));
        else x.rest_of(i, c).add(factor, Magnitude::of(x.linear(i, c * factors + g)));
      }
      if (kept[g]) left.push_back(factor), ++place;
    }
  x.linear = std::move(linear), x.factors = std::move(left);
}

void MajorantWorld::rebase(Block& x) const {
  const std::size_t width = x.width();
  x.linear = BallMatrix(width, x.columns() * width);
  x.factors = x.motions;
  x.rest.assign(width * x.columns(), Motion());
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < width; ++i) arb_one(x.linear(i, c * width + i));
}

MajorantBlock MajorantWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  std::vector<Column> twice(columns.begin(), columns.end());
  twice.insert(twice.end(), columns.begin(), columns.end());
  return Block(balls_->embed(table, twice));
}

MajorantBlock MajorantWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("MajorantWorld: a run has no limit under learned positions");
}

MajorantBlock MajorantWorld::add_sinusoids(const Block&, std::span<const Column>) const {
  throw std::logic_error("MajorantWorld: a run has no limit under sinusoidal positions");
}

MajorantBlock MajorantWorld::scale(const Block& x, const Root& factor) const {
  Block y = with_factors_of(x, balls_->scale(x.balls, factor));
  Ball f;
  set_root(f, factor, balls_->bits());
  const Magnitude size = Magnitude::of(f);
  for (std::size_t i = 0; i < x.motions.size(); ++i) y.motions[i].add(x.motions[i], size), y.rest[i].add(x.rest[i], size);
  for (std::size_t i = 0; i < x.width(); ++i) scale_column(y.linear, x.linear, i, 0, x.linear.columns(), f);
  return y;
}

MajorantBlock MajorantWorld::add(const Block& x, const Block& y) const {
  const Block &more = x.factors.size() < y.factors.size() ? y : x, &fewer = x.factors.size() < y.factors.size() ? x : y;
  const std::size_t all = more.factor_count(), old = fewer.factor_count();  // the first factors are the same
  Block sum = with_factors_of(more, balls_->add(x.balls, y.balls));
  for (std::size_t i = 0; i < sum.motions.size(); ++i) {
    sum.motions[i] += x.motions[i], sum.motions[i] += y.motions[i];
    sum.rest[i] += x.rest[i], sum.rest[i] += y.rest[i];
  }
  sum.linear = more.linear;
  for (std::size_t i = 0; i < sum.width(); ++i)
    for (std::size_t c = 0; c < sum.columns(); ++c)
      for (std::size_t g = 0; g < old; ++g) arb_add(sum.linear(i, c * all + g), sum.linear(i, c * all + g), fewer.linear(i, c * old + g), coarse_bits);
  tighten(sum);
  if (all > most_factors(sum.width()) / 2) fold_small_factors(sum);
  if (sum.factor_count() > most_factors(sum.width())) rebase(sum);
  return sum;
}

// x y - r s = x (y - s) + s (x - r) = s (x - r) + r (y - s) + (x - r)(y - s);
// with x', y' one copy later x'y' - x y = x' (y' - y) + y (x' - x), and likewise for the last term.
MajorantBlock MajorantWorld::multiply(const Block& x, const Block& y) const {
  Block product = with_factors_of(x, balls_->multiply(x.balls, y.balls));
  const std::size_t factors = x.factor_count();
  Ball t;
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.width(); ++i) {
      const Magnitude r = Magnitude::of(x.limit(i, c)), s = Magnitude::of(y.limit(i, c));
      const Magnitude largest_x = Magnitude::of(x.range(i, c)), moved_x = decays_.supremum(x.deviation(i, c));
      Motion &motion = product.motion(i, c), &rest = product.rest_of(i, c);
      motion.deviation.add(y.deviation(i, c), largest_x);
      motion.deviation.add(x.deviation(i, c), s);
      motion.step.add(y.step(i, c), largest_x);
      motion.step.add(x.step(i, c), Magnitude::of(y.range(i, c)));
      rest.add(x.rest_of(i, c), s);
      rest.add(y.rest_of(i, c), r);
      rest.deviation.add(y.deviation(i, c), moved_x);
      rest.step.add(y.step(i, c), moved_x);
      rest.step.add(x.step(i, c), decays_.supremum(y.deviation(i, c)));
      for (std::size_t g = c * factors; g < (c + 1) * factors; ++g) {
        arb_mul(t, x.linear(i, g), y.limit(i, c), coarse_bits);
        arb_addmul(t, y.linear(i, g), x.limit(i, c), coarse_bits);
        arb_set(product.linear(i, g), t);
      }
    }
  tighten(product);
  return product;
}

MajorantBlock MajorantWorld::linear(const Linear& map, const Block& x) const {
  const std::size_t columns = x.columns();
  Block y = with_factors_of(x, balls_->linear(map, x.balls));
  if (x.linear.columns() > 0) y.linear = coarse_->linear({map.weight, nullptr}, x.linear);
  for_each_index(y.width(), y.width() * x.width() * columns, [&](std::size_t i) {
    std::vector<double> row(x.width());
    map.weight->read_row(i, row);
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (row[j] == 0) continue;
      const Magnitude weight = magnitude(row[j]);
      for (std::size_t c = 0; c < columns; ++c) {
        y.motion(i, c).add(x.motion(j, c), weight);
        y.rest_of(i, c).add(x.rest_of(j, c), weight);
      }
    }
  });
  tighten(y);
  return y;
}

MajorantBlock MajorantWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = balls_->bits();
  const std::size_t size = x.width() / groups, columns = x.columns();
  Block y = with_factors_of(x, balls_->norm(n, x.balls, groups));
  const std::size_t factors = x.factor_count();
  std::vector<double> weight = entries_or(n.weight, size, 1), bias = entries_or(n.bias, size, 0);
  BallVector exact_weights(size);
  std::vector<Magnitude> weights;
  for (std::size_t i = 0; i < size; ++i) {
    arb_set_d(exact_weights[i], weight[i]);
    if (n.weight && n.unit_offset) arb_add_ui(exact_weights[i], exact_weights[i], 1, bits);
    weights.push_back(Magnitude::of(exact_weights[i]));
  }
  const Magnitude root_of_size = [&] {
    Magnitude root = Magnitude::of(size);
    mag_sqrt(root.get(), root.get());
    return root;
  }();

  for_each_index(columns * groups, size * columns * groups * factors, [&](std::size_t job) {
    const std::size_t c = job / groups, begin = job % groups * size;
    // What is normalised: its limit, range and motion.
    BallVector limit(size), range(size);
    std::vector<Motion> motion(size), rest(size);
    BallMatrix moves(size, factors);
    Ball mean, range_mean;
    Motion of_mean, rest_of_mean;
    for (std::size_t i = 0; i < size; ++i) {
      arb_set(limit[i], x.limit(begin + i, c)), arb_set(range[i], x.range(begin + i, c));
      motion[i] = x.motion(begin + i, c), rest[i] = x.rest_of(begin + i, c);
      for (std::size_t g = 0; g < factors; ++g) arb_set(moves(i, g), x.linear(begin + i, c * factors + g));
      arb_add(mean, mean, limit[i], bits), arb_add(range_mean, range_mean, range[i], bits);
      of_mean += motion[i], rest_of_mean += rest[i];
    }
    Magnitude share = Magnitude::of(1UL);
    mag_div_ui(share.get(), share.get(), size);
    if (n.kind == NormKind::layer) {
      arb_div_ui(mean, mean, size, bits), arb_div_ui(range_mean, range_mean, size, bits);
      for (std::size_t i = 0; i < size; ++i) {
        arb_sub(limit[i], limit[i], mean, bits), arb_sub(range[i], range[i], range_mean, bits);
        motion[i].add(of_mean, share);  // |x_i - mean - limit| <= |dx_i| + mean of |dx|
        rest[i].add(rest_of_mean, share);
        Ball known;
        arb_set(known, limit[i]);
        arb_add_error_mag(known, decays_.supremum(motion[i].deviation).get());
        cut_to(range[i], known, bits);
      }
    }
    if (n.kind == NormKind::layer)
      for (std::size_t g = 0; g < factors; ++g) {
        arb_zero(mean);
        for (std::size_t i = 0; i < size; ++i) arb_add(mean, mean, moves(i, g), coarse_bits);
        arb_div_ui(mean, mean, size, coarse_bits);
        for (std::size_t i = 0; i < size; ++i) arb_sub(moves(i, g), moves(i, g), mean, coarse_bits);
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
      by_squares.add(motion[i].deviation, Magnitude::of(both) * share * inverse_roots);
      of_root.add(motion[i].deviation, inverse_root_of_size);
    }
    keep_lesser(of_root, std::move(by_squares));

    // The linear part (dx_i - r_i (mean of r dx) / rho'^2) / rho' of y_i - s_i. What is left: with D = rho - rho', L = mean of r dx and Q = mean of dx^2,
    // D - L/rho' = (Q - L D / rho') / (rho + rho'), and y_i D / rho' - s_i D / rho' = (y_i - s_i) D / rho'.
    Ball square_root, inverse, t;
    for (std::size_t i = 0; i < size; ++i) arb_addmul(square_root, limit[i], limit[i], bits);
    arb_div_ui(square_root, square_root, size, bits);
    arb_set_d(t, n.epsilon);
    arb_add(square_root, square_root, t, bits);
    arb_rsqrt(inverse, square_root, bits);
    const Magnitude by_root = Magnitude::of(inverse), largest_root = decays_.supremum(of_root);
    Decay products, curved;  // |L|, |D - L/rho'|
    Motion rest_products;    // what the rests add to L
    for (std::size_t i = 0; i < size; ++i) {
      const Magnitude r = Magnitude::of(limit[i]) * share;
      products.add(motion[i].deviation, r), rest_products.add(rest[i], r);
      curved.add(motion[i].deviation, decays_.supremum(motion[i].deviation) * share * inverse_roots);
    }
    curved.add(products, largest_root * by_root * inverse_roots);
    for (std::size_t g = 0; g < factors; ++g) {
      Ball product;
      for (std::size_t i = 0; i < size; ++i) arb_addmul(product, limit[i], moves(i, g), coarse_bits);
      arb_div_ui(product, product, size, coarse_bits);
      arb_mul(product, product, inverse, coarse_bits);
      arb_mul(product, product, inverse, coarse_bits);
      for (std::size_t i = 0; i < size; ++i) {
        arb_mul(t, limit[i], product, coarse_bits);
        arb_sub(t, moves(i, g), t, coarse_bits);
        arb_mul(t, t, inverse, coarse_bits);
        arb_mul(y.linear(begin + i, c * factors + g), t, exact_weights[i], coarse_bits);
      }
    }
    Magnitude inverse_range;
    mag_inv(inverse_range.get(), below_range.get());
    // Steps, by the mean value theorem: on the segment between neighbours dy_i = (dx_i - y_i mean of y dx) / rho, and the linear part has s, rho' for y, rho.
    std::vector<Magnitude> normalised(size), moved(size);  // at least |y_i| and |y_i - s_i| there
    StepDecay by_entries, by_lengths, turned;              // |mean of y dx| in two ways, |mean of (y - s) dx|
    for (std::size_t i = 0; i < size; ++i) {
      normalised[i] = Magnitude::of(range[i]) * inverse_range;
      if (root_of_size < normalised[i]) normalised[i] = root_of_size;
      moved[i] = (decays_.supremum(motion[i].deviation) + largest_root * normalised[i]) * inverse_root;
      by_entries.add(motion[i].step, normalised[i] * share);
      by_lengths.add(motion[i].step, inverse_root_of_size);
      turned.add(motion[i].step, moved[i] * share);
    }
    keep_lesser(by_entries, std::move(by_lengths));
    const Magnitude inverse_moved = largest_root * inverse_range * by_root;  // |1/rho - 1/rho'|
    for (std::size_t i = 0; i < size; ++i) {
      Motion& m = y.motion(begin + i, c);
      m.deviation.add(motion[i].deviation, inverse_root * weights[i]);
      m.deviation.add(of_root, normalised[i] * inverse_root * weights[i]);
      m.step.add(motion[i].step, inverse_range * weights[i]);
      m.step.add(by_entries, normalised[i] * inverse_range * weights[i]);
      Motion& left = y.rest_of(begin + i, c);
      const Magnitude s = Magnitude::of(limit[i]) * by_root;
      left.add(rest[i], by_root * weights[i]);
      left.add(rest_products, s * by_root * by_root * weights[i]);
      left.deviation.add(curved, s * by_root * weights[i]);
      Decay apart;  // |y_i - s_i| before the weight
      apart.add(motion[i].deviation, inverse_root), apart.add(of_root, normalised[i] * inverse_root);
      left.deviation.add(apart, largest_root * by_root * weights[i]);
      left.step.add(motion[i].step, inverse_moved * weights[i]);
      left.step.add(by_entries, (inverse_moved * normalised[i] + by_root * moved[i]) * weights[i]);
      left.step.add(turned, by_root * s * weights[i]);
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
  Block y = with_factors_of(x, balls_->activate(activation, x.balls));
  const std::size_t factors = x.factor_count();
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.width(); ++i) {
      const Ball everywhere = activation_derivative(activation, x.range(i, c), balls_->bits()), here = activation_derivative(activation, x.limit(i, c), balls_->bits());
      y.motion(i, c).add(x.motion(i, c), Magnitude::of(everywhere));
      // f(x) - f(r) = f'(r)(x - r) + (f'(some point) - f'(r))(x - r), and so for f(x_j) - f(x_(j-1)).
      Motion& rest = y.rest_of(i, c);
      rest.add(x.rest_of(i, c), Magnitude::of(here));
      rest.add(x.motion(i, c), apart(everywhere, here, balls_->bits()));
      scale_column(y.linear, x.linear, i, c * factors, factors, here);
    }
  tighten(y);
  return y;
}

MajorantBlock MajorantWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  const std::size_t factors = x.factor_count();
  Block y(BallMatrix(x.width(), 2 * columns.size()));
  y.linear = BallMatrix(x.width(), columns.size() * factors);
  y.factors.resize(columns.size() * factors);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    for (std::size_t g = 0; g < factors; ++g) y.factors[c * factors + g] = x.factors[columns[c] * factors + g];
    for (std::size_t i = 0; i < x.width(); ++i) {
      arb_set(y.balls(i, c), x.limit(i, columns[c]));
      arb_set(y.balls(i, columns.size() + c), x.range(i, columns[c]));
      y.motion(i, c) = x.motion(i, columns[c]), y.rest_of(i, c) = x.rest_of(i, columns[c]);
      for (std::size_t g = 0; g < factors; ++g) arb_set(y.linear(i, c * factors + g), x.linear(i, columns[c] * factors + g));
    }
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
  memory.parts.push_back({decays_.first(), 0, select(k, unit), select(v, unit), {}, {}, {}});

  const std::size_t columns = q.columns(), group = a.heads / a.kv_heads;
  const MajorantAttention attention(a, shape_, decays_, q, k, v, memory, bits);
  if (attention.turns() && memory.turning.empty()) {
    const auto frequencies = std::make_shared<const RotaryFrequencies>(*a.rotary);
    memory.turning.resize(a.heads * columns);
    parallel_for(memory.turning.size(), [&](std::size_t job) { memory.turning[job] = attention.turning_head(frequencies, job / columns, job % columns); });
  }
  for (std::size_t head = 0; head < a.heads; ++head)
    for (std::size_t c = 0; c < columns; ++c) {
      const Magnitude spread = attention.spread(head, c);
      if (memory.parts.back().spread < spread) memory.parts.back().spread = spread;
    }
  // New factors: those of each head's directions.
  const std::size_t old = q.factor_count(), directions = attention.direction_count(), each = directions + a.head_size, all = old + a.heads * each;
  Block mixed(BallMatrix(q.width(), 2 * columns));
  mixed.linear = BallMatrix(q.width(), columns * all);
  mixed.factors.resize(columns * all);
  for (std::size_t c = 0; c < columns; ++c)
    for (std::size_t g = 0; g < old; ++g) mixed.factors[c * all + g] = q.factors[c * old + g];
  for_each_index(a.heads * columns, a.heads * columns * a.head_size * memory.tokens.entries, [&](std::size_t job) {
    const std::size_t head = job % a.heads, c = job / a.heads;
    HeadMajorant output = attention.output(head, c);
    const std::size_t begin = c * all + old + head * each;
    for (std::size_t d = 0; d < directions; ++d) mixed.factors[begin + d] = std::move(output.factors[d]);
    for (std::size_t i = 0; i < a.head_size; ++i) {
      const std::size_t row = head * a.head_size + i, value = head / group * a.head_size + i;
      arb_swap(mixed.balls(row, c), output.limit[i]);
      for (std::size_t d = 0; d < directions; ++d) {
        mixed.motion(row, c).add(mixed.factors[begin + d], Magnitude::of(output.directions[d][i]));
        arb_swap(mixed.linear(row, begin + d), output.directions[d][i]);
      }
      mixed.motion(row, c) += output.rest[i];
      mixed.factors[begin + directions + i] = std::move(output.rest[i]);
      arb_one(mixed.linear(row, begin + directions + i));
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

BallMatrix MajorantWorld::steps(const Block& x, std::size_t column, const Length& n) const {
  BallMatrix result(x.width(), 1);
  for (std::size_t i = 0; i < x.width(); ++i) {
    const Magnitude by_step = decays_.from(x.step(i, column), n + 1), by_deviation = shifted(decays_.from(x.deviation(i, column), n), 1);
    arb_add_error_mag(result(i, 0), (by_step < by_deviation ? by_step : by_deviation).get());
  }
  return result;
}

BallMatrix MajorantWorld::limit(const Block& x, std::size_t column) const {
  BallMatrix result(x.width(), 1);
  for (std::size_t i = 0; i < x.width(); ++i) arb_set(result(i, 0), x.limit(i, column));
  return result;
}

}  // namespace snellen
