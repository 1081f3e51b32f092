#include "lib/world/euclidean.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "lib/number/exact_product/fixed_product.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/euclidean_heads.hpp"
#include "lib/world/fixed_functions.hpp"
#include "lib/world/mlp_norm.hpp"
#include "lib/world/norm_slope.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// A branch's own rounding errors stay about 2^-guard_bits of the stream's radius times what they grow by within the branch.
constexpr long guard_bits = 16;
constexpr long least_bits = 64, bits_step = 16;

// At least the 2-norm of the balls' radii in rows [begin, end) of a column.
Magnitude radius_norm(const BallMatrix& x, std::size_t begin, std::size_t end, std::size_t c) {
  Magnitude sum;
  for (std::size_t i = begin; i < end; ++i) mag_addmul(sum.get(), arb_radref(x(i, c)), arb_radref(x(i, c)));
  return root(sum);
}
Magnitude largest_entry(const BallMatrix& x, std::size_t c) {
  Magnitude result;
  for (std::size_t i = 0; i < x.rows(); ++i) result = std::max(result, Magnitude::of(x(i, c)));
  return result;
}

bool all_zero(const Magnitudes& values) {
  return std::all_of(values.begin(), values.end(), [](const Magnitude& x) { return x.is_zero(); });
}

// The middle, or what 53 bits of its top limb leave of it: arf_get_d, which rounds, is slow, and subject to mpfr's exponent range.
double middle(arb_srcptr x) {
  arf_srcptr m = arb_midref(x);
  const slong exponent = ARF_EXP(m);
  if (arf_is_special(m) || COEFF_IS_MPZ(exponent) || exponent < -900 || exponent > 900) return arf_get_d(m, ARF_RND_DOWN);
  mp_srcptr limbs;
  mp_size_t count;
  ARF_GET_MPN_READONLY(limbs, count, m);
  const double top = static_cast<double>(limbs[count - 1] >> 11) * std::bit_cast<double>(static_cast<std::uint64_t>(exponent - 53 + 1023) << 52);
  return ARF_SGNBIT(m) ? -top : top;
}
// At least |x - middle(x)| for x in the ball.
double middle_error(arb_srcptr x, double value) { return upward(0x1p-52 * std::fabs(value) + upper_double(Magnitude::radius_of(x))); }

// At least |row i of the matrix, columns weighted|_2.
struct RowNorms {
  std::vector<double> weights;
  Magnitudes rows;
  std::size_t bytes() const { return sizeof *this + weights.size() * sizeof(double) + rows.size() * sizeof(Magnitude); }
};
RowNorms compute_row_norms(const Tensor& matrix, std::span<const double> weights) {
  RowNorms result{{weights.begin(), weights.end()}, Magnitudes(matrix.rows())};
  parallel_for(matrix.rows(), [&](std::size_t i) {
    std::vector<double> row(matrix.columns());
    matrix.read_row(i, row);
    bool moderate = are_moderate(row) && are_moderate(weights);
    if (moderate) {
      if (!weights.empty())
        for (std::size_t j = 0; j < row.size(); ++j) row[j] *= weights[j];
      const double norm = euclidean_norm(row);
      if (norm < infinite_bound) {
        result.rows[i] = magnitude_of(norm);
        return;
      }
      matrix.read_row(i, row);
    }
    Magnitude sum;
    for (std::size_t j = 0; j < row.size(); ++j)
      sum += square(magnitude_of(std::fabs(row[j])) * (weights.empty() ? Magnitude::of(1) : magnitude_of(std::fabs(weights[j]))));
    result.rows[i] = root(sum);
  });
  return result;
}
std::shared_ptr<const Magnitudes> row_norms(const Tensor& matrix, std::span<const double> weights) {
  const auto norms = matrix.derived().get<RowNorms>([&](const RowNorms& kept) { return std::ranges::equal(kept.weights, weights); },
                                                    [&] { return compute_row_norms(matrix, weights); });
  return {norms, &norms->rows};
}
// Without weights: kept beside those with them, which the same pass asks for.
struct OwnRowNorms : RowNorms {};
std::shared_ptr<const Magnitudes> own_row_norms(const Tensor& matrix) {
  const auto norms = matrix.derived().get<OwnRowNorms>([](const OwnRowNorms&) { return true; }, [&] { return OwnRowNorms{compute_row_norms(matrix, {})}; });
  return {norms, &norms->rows};
}

HeadVectors head_vectors(const EuclideanWorld::Block& x, const HeadMoves& moves, std::size_t heads) {
  const std::size_t size = x.rows() / heads, tokens = x.columns();
  HeadVectors result{heads, size, std::vector<double>(tokens * heads * size), std::vector<double>(tokens * heads), moves.gains, moves.linear};
  parallel_for(tokens, [&](std::size_t c) {
    for (std::size_t h = 0; h < heads; ++h) {
      double squares = 0;
      for (std::size_t d = 0; d < size; ++d) {
        double& value = result.values[(c * heads + h) * size + d];
        value = middle(x.balls(h * size + d, c));
        squares += value * value;
      }
      result.errors[c * heads + h] = upward(0x1p-52 * std::sqrt(squares) + upper_double(radius_norm(x.balls, h * size, (h + 1) * size, c) +
                                                                                        head_radius(x, moves, heads, h, c)));
    }
  });
  return result;
}

EuclideanWorld::Block plain(BallMatrix balls, Magnitudes radii, long bits) { return {std::move(balls), std::move(radii), EuclideanWorld::Plain{}, bits}; }
EuclideanWorld::Block plain(FixedColumns columns, Magnitudes radii, long bits) {
  return {BallMatrix(), std::move(radii), EuclideanWorld::Plain{}, bits, std::make_shared<const FixedColumns>(std::move(columns))};
}
// In fixed point where that serves, else by the ball world.
template <class Otherwise>
EuclideanWorld::Block plain(std::optional<FixedColumns> columns, Magnitudes radii, long bits, const Otherwise& otherwise) {
  return columns ? plain(std::move(*columns), std::move(radii), bits) : plain(otherwise(), std::move(radii), bits);
}

// The entries of a column as doubles, and at least how far each is from any point of what the block holds of it.
void middles(const EuclideanWorld::Block& x, std::size_t c, std::span<double> values, std::span<double> errors) {
  if (!x.fixed) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = middle(x.balls(i, c)), errors[i] = middle_error(x.balls(i, c), values[i]);
    return;
  }
  x.fixed->middles(c, values);
  const double error = upper_double(x.fixed->middle_error(c));
  for (std::size_t i = 0; i < values.size(); ++i) errors[i] = upward(0x1p-52 * std::fabs(values[i]) + error);
}

Magnitude largest_entry(const EuclideanWorld::Block& x, std::size_t c) { return x.fixed ? x.fixed->largest(c) : largest_entry(x.balls, c); }

std::vector<double> upper_doubles(const Magnitudes& magnitudes) {
  std::vector<double> result(magnitudes.size());
  std::transform(magnitudes.begin(), magnitudes.end(), result.begin(), upper_double);
  return result;
}

Magnitudes scaled(const Magnitudes& radii, const Magnitude& factor) {
  Magnitudes result = radii;
  for (Magnitude& r : result) r *= factor;
  return result;
}

// For decisions about speed only: nothing certified depends on it. What a token moves others by is its relative radius, so that none needs to be much more accurate
// than the worst.
long deserved(const Magnitudes& radii, std::span<const double> log2_largest, long bits) {
  double wanted = static_cast<double>(bits);
  for (std::size_t c = 0; c < radii.size(); ++c)
    if (!radii[c].is_zero() && radii[c].is_finite()) wanted = std::min(wanted, log2_largest[c] - radii[c].log2() + guard_bits);
  wanted = std::max(wanted, static_cast<double>(least_bits));
  return std::min(bits, bits_step * static_cast<long>(std::ceil(wanted / bits_step)));
}

// The stream x + y, whose midpoints are finite, rounded at once to the bits that it deserves.
EuclideanWorld::Block add_fixed(const EuclideanWorld::Block& x, const FixedColumns& y, Magnitudes radii, long bits) {
  const std::size_t rows = x.rows(), columns = x.columns();
  std::vector<double> largest(columns);
  parallel_for(columns, [&](std::size_t c) {
    std::vector<double> values(rows);
    y.middles(c, values);
    for (std::size_t i = 0; i < rows; ++i) largest[c] = std::max(largest[c], std::fabs(middle(x.balls(i, c)) + values[i]));
  });
  for (double& x_largest : largest) x_largest = std::log2(x_largest);
  const long working = deserved(radii, largest, bits);
  BallMatrix sum = y.midpoints();
  parallel_for(columns, [&](std::size_t c) {
    Magnitude squares, unit;
    for (std::size_t i = 0; i < rows; ++i) {
      arf_struct* z = arb_midref(sum(i, c));
      if (arf_add(z, z, arb_midref(x.balls(i, c)), working, ARF_RND_DOWN) == 0) continue;
      arf_mag_set_ulp(unit.get(), z, working);
      mag_addmul(squares.get(), unit.get(), unit.get());
    }
    radii[c] += root(squares);
  });
  return {std::move(sum), std::move(radii), EuclideanWorld::Stream{}, working};
}

}  // namespace

const EuclideanWorld::Block& in_balls(const EuclideanWorld::Block& x, EuclideanWorld::Block& room) {
  if (!x.fixed) return x;
  room = {x.fixed->balls(), x.radii, x.path, x.bits};
  return room;
}

EuclideanWorld::EuclideanWorld(long bits) : bits_(bits), worlds_(std::make_shared<std::map<long, BallWorld>>()), rotations_(std::make_shared<FixedRotations>()) {
  world(bits);
}

const BallWorld& EuclideanWorld::world(long bits) const { return worlds_->try_emplace(bits, bits).first->second; }

EuclideanWorld::Block EuclideanWorld::stream(BallMatrix balls, Magnitudes radii, long bits) const {
  const std::size_t rows = balls.rows(), columns = balls.columns();
  std::vector<double> largest(columns);
  parallel_for(columns, [&](std::size_t c) { radii[c] += radius_norm(balls, 0, rows, c), largest[c] = largest_entry(balls, c).log2(); });
  const long working = deserved(radii, largest, bits);
  parallel_for(columns, [&](std::size_t c) {
    for (std::size_t i = 0; i < rows; ++i) {
      if (!arb_is_finite(balls(i, c))) mag_inf(radii[c].get()), arb_zero(balls(i, c));
      mag_zero(arb_radref(balls(i, c)));
      arb_set_round(balls(i, c), balls(i, c), working);
    }
    radii[c] += radius_norm(balls, 0, rows, c);
    for (std::size_t i = 0; i < rows; ++i) mag_zero(arb_radref(balls(i, c)));
  });
  return {std::move(balls), std::move(radii), Stream{}, working};
}

EuclideanWorld::Block EuclideanWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  return stream(world(bits_).embed(table, columns), Magnitudes(columns.size()), bits_);
}

EuclideanWorld::Block EuclideanWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
  return stream(world(x.bits).add_rows(x.balls, table, columns), x.radii, x.bits);
}

EuclideanWorld::Block EuclideanWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const {
  return stream(world(x.bits).add_sinusoids(x.balls, columns), x.radii, x.bits);
}

EuclideanWorld::Block EuclideanWorld::scale(const Block& x, const Root& factor) const {
  Ball f;
  set_root(f, factor, x.bits);
  return stream(world(x.bits).scale(x.balls, factor), scaled(x.radii, Magnitude::of(f)), x.bits);
}

EuclideanWorld::Block EuclideanWorld::add(const Block& x, const Block& y) const {
  Magnitudes radii = x.radii;
  for (std::size_t c = 0; c < radii.size(); ++c) radii[c] += y.fixed ? y.radii[c] + y.fixed->column(c).error : y.radii[c];
  const long bits = std::max(x.bits, y.bits);
  return y.fixed && std::holds_alternative<Stream>(x.path) ? add_fixed(x, *y.fixed, std::move(radii), bits)
                                                           : stream(world(bits).add(x.balls, y.fixed ? y.fixed->midpoints() : y.balls), std::move(radii), bits);
}

EuclideanWorld::Block EuclideanWorld::norm(const Norm& n, const Block& given, std::size_t groups) const {
  Block room;
  const Block& x = in_balls(given, room);
  const std::size_t size = x.balls.rows() / groups, tokens = x.balls.columns();
  std::vector<double> weights = norm_weights(n);
  const Magnitude largest = largest_norm_weight(weights);
  const HeadMoves moves = head_moves(x, groups);  // one group may be the only key head
  Magnitudes spread(tokens * groups), radii(tokens);
  parallel_for(tokens, [&](std::size_t c) {
    Magnitude sum;
    for (std::size_t g = 0; g < groups; ++g) {
      const Magnitude radius = head_radius(x, moves, groups, g, c);
      spread[c * groups + g] = norm_slope(n, x.balls, g * size, (g + 1) * size, c, radius);
      sum += square(spread[c * groups + g] * radius * largest);
    }
    radii[c] = root(sum);
  });
  const bool of_stream = groups == 1 && std::holds_alternative<Stream>(x.path);
  Block y = plain(of_stream ? fixed_norm(n, x.balls, x.bits) : std::nullopt, radii, x.bits, [&] { return world(x.bits).norm(n, x.balls, groups); });
  if (of_stream) {
    auto source = std::make_shared<Source>();
    for (std::size_t c = 0; c < tokens; ++c) source->moves.push_back(x.radii[c] * spread[c]);
    source->weights = std::move(weights);
    y.path = Normed{std::move(source)};
  } else if (moves.source) {
    Heads heads{moves.source, moves.weight, groups, moves.gains, false, moves.rotated};
    for (std::size_t i = 0; i < heads.gains.size(); ++i) heads.gains[i] = upper_double(magnitude_of(heads.gains[i]) * spread[i] * largest);
    y.path = std::move(heads);
  }
  return y;
}

EuclideanWorld::Block EuclideanWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  Block y = plain(x.fixed ? rotations_->rotate(*x.fixed, rotary, heads, columns) : std::nullopt, x.radii, x.bits, [&] {
    Block room;
    return world(x.bits).rotate(in_balls(x, room).balls, rotary, heads, columns);
  });
  HeadMoves moves = head_moves(x, heads);
  if (moves.source) y.path = Heads{moves.source, moves.weight, heads, std::move(moves.gains), moves.linear, true};
  return y;
}

EuclideanWorld::Block EuclideanWorld::attend(const Attention& a, const Block& given_q, const Block& given_k, const Block& given_v, std::span<const Column> columns,
                                             Memory& memory) const {
  Block room_q, room_k, room_v;
  const Block &q = in_balls(given_q, room_q), &k = in_balls(given_k, room_k), &v = in_balls(given_v, room_v);
  const HeadMoves query = head_moves(q, a.heads), key = head_moves(k, a.kv_heads), value = head_moves(v, a.kv_heads);
  const std::size_t first = memory.balls.entries, tokens = columns.size(), size = a.head_size;
  // attention_norm.hpp speaks of queries and keys that are rotated as the attention says.
  const bool known = query.source && key.source && value.source && query.rotated == a.rotary.has_value() && key.rotated == a.rotary.has_value() &&
                     std::holds_alternative<Mapped>(v.path) && (first == 0 || memory.past);

  // Whatever the branch: an output is a convex combination, so |o' - o| <= max |v' - v| + min(2, e^(2 eta) - 1) max |v|, eta the change of a score.
  for (Magnitudes* values : {&memory.key_norms, &memory.value_norms, &memory.key_moves, &memory.value_moves}) values->resize(a.kv_heads);
  const auto raise = [](Magnitude& x, Magnitude y) { x = std::max(x, y); };
  parallel_for(a.kv_heads, [&](std::size_t g) {
    for (std::size_t c = 0; c < tokens; ++c) {
      raise(memory.key_norms[g], norm_of(k.balls, g * size, (g + 1) * size, c)), raise(memory.key_moves[g], head_radius(k, key, a.kv_heads, g, c));
      raise(memory.value_norms[g], norm_of(v.balls, g * size, (g + 1) * size, c)), raise(memory.value_moves[g], head_radius(v, value, a.kv_heads, g, c));
    }
  });
  Ball factor;
  set_root(factor, a.scale, 64);
  const Magnitude scale = Magnitude::of(factor);
  Magnitudes radii(tokens);
  parallel_for(tokens, [&](std::size_t c) {
    Magnitude sum;
    for (std::size_t h = 0; h < a.heads; ++h) {
      const std::size_t g = h / (a.heads / a.kv_heads);
      const Magnitude move = head_radius(q, query, a.heads, h, c);
      const Magnitude eta = scale * (norm_of(q.balls, h * size, (h + 1) * size, c) * memory.key_moves[g] + move * (memory.key_norms[g] + memory.key_moves[g]));
      sum += square(memory.value_moves[g] + least(Magnitude::of(2), expm1(shifted(eta, 1))) * memory.value_norms[g]);
    }
    radii[c] = root(sum);
  });

  Block y = plain(world(q.bits).attend(a, q.balls, k.balls, v.balls, columns, memory.balls), std::move(radii), q.bits);
  if (!known) {
    memory.past = nullptr;
    return y;
  }
  auto past = memory.past ? std::make_shared<AttentionPast>(*memory.past) : std::make_shared<AttentionPast>();
  past->keys.append(head_vectors(k, key, a.kv_heads)), past->values.append(head_vectors(v, value, a.kv_heads));
  for (const Column& column : columns) past->positions.push_back(column.position);
  past->moves.insert(past->moves.end(), value.source->moves.begin(), value.source->moves.end());
  memory.past = past;
  y.path = Mixed{std::make_shared<AttentionBranch>(AttentionBranch{a, head_vectors(q, query, a.heads), std::move(past), {columns.begin(), columns.end()}, first,
                                                                   query.weight, key.weight, value.weight, value.source->weights})};
  return y;
}

EuclideanWorld::Block EuclideanWorld::activate(Activation activation, const Block& x) const {
  const ActivationBounds bounds = activation_bounds(activation);
  Block y = plain(x.fixed ? fixed_activation(activation, *x.fixed) : std::nullopt, scaled(x.radii, magnitude_of(bounds.lipschitz)), x.bits, [&] {
    Block room;
    return world(x.bits).activate(activation, in_balls(x, room).balls);
  });
  const auto* path = std::get_if<Mapped>(&x.path);
  if (!path) return y;
  const std::size_t rows = x.rows(), tokens = x.columns();
  const std::vector<double> norms = upper_doubles(*path->rows);
  Inner inner{path->source, path->weight, nullptr, activation, {}, {}, {}, {}};
  for (auto* values : {&inner.a, &inner.b, &inner.da, &inner.db}) values->resize(rows * tokens);
  parallel_for(tokens, [&](std::size_t c) {
    std::vector<double> arguments(rows), errors(rows), values(rows), value_errors(rows);
    middles(x, c, arguments, errors), middles(y, c, values, value_errors);
    const double moves = upper_double(path->source->moves[c]);
    for (std::size_t k = 0; k < rows; ++k) {
      const std::size_t at = c * rows + k;
      const double g = arguments[k], value = values[k], g_error = upward(errors[k] + norms[k] * moves);
      inner.b[at] = value, inner.db[at] = upward(value_errors[k] + bounds.lipschitz * g_error);
      if (!is_moderate(g) || !is_moderate(value)) {
        inner.da[at] = infinite_bound;
      } else if (activation == Activation::relu && std::fabs(g) <= g_error) {
        inner.a[at] = inner.da[at] = 0.5;
      } else {
        // The value is that of a number within errors[k] of g, which may be more than a rounding: a column in fixed point may have room for far larger numbers.
        const SlopeEnclosure slope = activation_slope(activation, g, value, upward(value_errors[k] + bounds.lipschitz * errors[k]));
        inner.a[at] = slope.value;
        inner.da[at] = activation == Activation::relu ? 0 : upward(slope.error + bounds.curvature * g_error);
      }
    }
  });
  y.path = std::move(inner);
  return y;
}

EuclideanWorld::Block EuclideanWorld::multiply(const Block& x, const Block& y) const {
  const std::size_t rows = x.rows(), tokens = x.columns();
  Block z = plain(x.fixed && y.fixed ? fixed_multiply(*x.fixed, *y.fixed) : std::nullopt, Magnitudes(tokens), x.bits, [&] {
    Block room_x, room_y;
    return world(x.bits).multiply(in_balls(x, room_x).balls, in_balls(y, room_y).balls);
  });
  parallel_for(tokens, [&](std::size_t c) {
    z.radii[c] = (largest_entry(y, c) + y.radii[c]) * x.radii[c] + largest_entry(x, c) * y.radii[c];
  });
  const auto* inner = std::get_if<Inner>(&x.path);
  const auto* up = std::get_if<Mapped>(&y.path);
  if (!inner || inner->second || !up || up->source != inner->source) return z;
  const std::vector<double> norms = upper_doubles(*up->rows);
  Inner gated{inner->source, inner->first, up->weight, inner->activation, std::vector<double>(rows * tokens), inner->b, std::vector<double>(rows * tokens), inner->db};
  parallel_for(tokens, [&](std::size_t c) {
    std::vector<double> values(rows), errors(rows);
    middles(y, c, values, errors);
    const double moves = upper_double(up->source->moves[c]);
    for (std::size_t k = 0; k < rows; ++k) {
      const std::size_t at = c * rows + k;
      const double u = values[k], u_error = upward(errors[k] + norms[k] * moves);
      gated.a[at] = inner->a[at] * u;
      gated.da[at] = upward(inner->da[at] * (std::fabs(u) + u_error) + std::fabs(inner->a[at]) * (u_error + 0x1p-52 * std::fabs(u)));
    }
  });
  z.path = std::move(gated);
  return z;
}

std::vector<double> inner_block_norms(const EuclideanWorld::Inner& inner, const Tensor& down, std::span<const double> importance) {
  const std::size_t hidden = down.columns(), tokens = importance.size();
  const auto kept = MlpNorm::of(down, inner.first, inner.second, inner.source->weights);
  const MlpNorm& form = *kept;
  std::vector<double> norms = form.norms(inner.a, inner.second ? std::span<const double>(inner.b) : std::span<const double>(), importance);
  for (std::size_t c = 0; c < tokens; ++c) {
    // The derivative elsewhere in the ball: |D (diag(da) G + diag(db) U)|_F <= |D|_F (|diag(da) G|_F + |diag(db) U|_F).
    double first = 0, second = 0;
    for (std::size_t k = 0; k < hidden; ++k) {
      const double x = inner.da[c * hidden + k] * form.gate_rows()[k];
      first += x * x;
      if (!inner.second) continue;
      const double y = inner.db[c * hidden + k] * form.up_rows()[k];
      second += y * y;
    }
    norms[c] = upward(norms[c] + form.down_norm() * (std::sqrt(first) + std::sqrt(second)));
  }
  return norms;
}

namespace {

// At least how far down . inner moves, each column.
Magnitudes inner_moves(const EuclideanWorld::Inner& inner, const Tensor& down) {
  const Magnitudes& moves = inner.source->moves;
  if (all_zero(moves)) return Magnitudes(moves.size());
  const std::vector<double> norms = inner_block_norms(inner, down, relative(moves).values);
  Magnitudes result;
  for (std::size_t c = 0; c < moves.size(); ++c) result.push_back(magnitude_of(norms[c]) * moves[c]);
  return result;
}

}  // namespace

namespace {

// The heads' outputs are balls, but what follows is the end of the branch.
std::optional<FixedColumns> in_fixed_point(const Linear& map, const EuclideanWorld::Block& x) {
  if (map.bias || x.bits < least_fixed_bits || (!x.fixed && !std::holds_alternative<EuclideanWorld::Mixed>(x.path))) return {};
  const std::optional<FixedColumns> made = x.fixed ? std::nullopt : FixedColumns::of(x.balls, fixed_digits(x.bits));
  if (!x.fixed && !made) return {};
  return fixed_product(*PreparedWeights::of(*map.weight), *own_row_norms(*map.weight), x.fixed ? *x.fixed : *made, x.bits);
}

}  // namespace

EuclideanWorld::Block EuclideanWorld::linear(const Linear& map, const Block& x) const {
  Block y = plain(in_fixed_point(map, x), {}, x.bits, [&] {
    Block room;
    return world(x.bits).linear(map, in_balls(x, room).balls);
  });
  std::shared_ptr<const Source> source;
  if (const auto* normed = std::get_if<Normed>(&x.path)) source = normed->source;
  else if (std::holds_alternative<Stream>(x.path)) source = std::make_shared<Source>(Source{x.radii, {}});
  if (source) {
    auto rows = row_norms(*map.weight, source->weights);
    y.radii = scaled(source->moves, norm_of_rows(*rows, 0, rows->size()));
    y.path = Mapped{std::move(source), map.weight, std::move(rows)};
    return y;
  }
  y.radii = scaled(x.radii, norm_of_rows(*own_row_norms(*map.weight), 0, map.weight->rows()));
  Magnitudes sharper;
  if (const auto* inner = std::get_if<Inner>(&x.path)) sharper = inner_moves(*inner, *map.weight);
  if (const auto* mixed = std::get_if<Mixed>(&x.path)) sharper = attention_moves(*mixed->branch, *map.weight);
  for (std::size_t c = 0; c < sharper.size(); ++c) y.radii[c] = least(y.radii[c], sharper[c]);
  return y;
}

EuclideanWorld::Block EuclideanWorld::select(const Block& given, std::span<const std::size_t> columns) const {
  Block room;
  const Block& x = in_balls(given, room);
  Block y = plain(world(x.bits).select(x.balls, columns), {}, x.bits);
  for (const std::size_t c : columns) y.radii.push_back(x.radii[c]);
  if (std::holds_alternative<Stream>(x.path)) y.path = Stream{};
  if (const auto* normed = std::get_if<Normed>(&x.path)) {
    auto source = std::make_shared<Source>(Source{{}, normed->source->weights});
    for (const std::size_t c : columns) source->moves.push_back(normed->source->moves[c]);
    y.path = Normed{std::move(source)};
  }
  return y;
}

BallMatrix EuclideanWorld::hull(const Block& x) const {
  BallMatrix y = x.fixed ? x.fixed->balls() : x.balls;
  const auto* normed = std::get_if<Normed>(&x.path);
  for (std::size_t c = 0; c < y.columns(); ++c)
    for (std::size_t i = 0; i < y.rows(); ++i) {
      Magnitude error = x.radii[c];
      if (normed)
        error = least(error, normed->source->moves[c] * (normed->source->weights.empty() ? Magnitude::of(1) : magnitude_of(normed->source->weights[i] * (1 + 0x1p-50))));
      arb_add_error_mag(y(i, c), error.get());
    }
  return y;
}

std::vector<Enclosure> EuclideanWorld::enclosures(const Block& x, std::size_t column) const {
  const std::size_t chosen[] = {column};
  return world(x.bits).enclosures(hull(select(x, chosen)), 0);
}

}  // namespace snellen
