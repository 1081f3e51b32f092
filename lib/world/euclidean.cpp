#include "lib/world/euclidean.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "lib/number/upward.hpp"
#include "lib/world/activation_slopes.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/euclidean_heads.hpp"
#include "lib/world/mlp_norm.hpp"
#include "lib/world/norm_slope.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// A branch's own rounding errors stay about 2^-guard_bits of the stream's radius times what they grow by within the branch.
constexpr long guard_bits = 24;
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

HeadVectors head_vectors(const EuclideanWorld::Block& x, const HeadMoves& moves, std::size_t heads) {
  const std::size_t size = x.balls.rows() / heads, tokens = x.balls.columns();
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

Magnitudes scaled(const Magnitudes& radii, const Magnitude& factor) {
  Magnitudes result = radii;
  for (Magnitude& r : result) r *= factor;
  return result;
}

}  // namespace

EuclideanWorld::EuclideanWorld(long bits) : bits_(bits), worlds_(std::make_shared<std::map<long, BallWorld>>()) { world(bits); }

const BallWorld& EuclideanWorld::world(long bits) const { return worlds_->try_emplace(bits, bits).first->second; }

EuclideanWorld::Block EuclideanWorld::stream(BallMatrix balls, Magnitudes radii, long bits) const {
  const std::size_t rows = balls.rows(), columns = balls.columns();
  // For decisions about speed only: nothing certified depends on it. What a token moves others by is its relative radius, so that
  // none needs to be much more accurate than the worst.
  std::vector<double> deserved(columns, static_cast<double>(bits));
  parallel_for(columns, [&](std::size_t c) {
    radii[c] += radius_norm(balls, 0, rows, c);
    if (!radii[c].is_zero() && radii[c].is_finite()) deserved[c] = largest_entry(balls, c).log2() - radii[c].log2() + guard_bits;
  });
  double wanted = static_cast<double>(bits);
  for (const double d : deserved) wanted = std::min(wanted, d);
  const long rounded = bits_step * static_cast<long>(std::ceil(wanted / bits_step));
  const long working = std::min(bits, std::max(least_bits, rounded));
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
  for (std::size_t c = 0; c < radii.size(); ++c) radii[c] += y.radii[c];
  const long bits = std::max(x.bits, y.bits);
  return stream(world(bits).add(x.balls, y.balls), std::move(radii), bits);
}

EuclideanWorld::Block EuclideanWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
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
  Block y = plain(world(x.bits).norm(n, x.balls, groups), radii, x.bits);
  if (groups == 1 && std::holds_alternative<Stream>(x.path)) {
    auto source = std::make_shared<Source>();
    for (std::size_t c = 0; c < tokens; ++c) source->moves.push_back(x.radii[c] * spread[c]);
    source->weights = std::move(weights);
    y.path = Normed{std::move(source)};
  } else if (moves.source) {
    Heads heads{moves.source, moves.weight, groups, moves.gains, false};
    for (std::size_t i = 0; i < heads.gains.size(); ++i) heads.gains[i] = upper_double(magnitude_of(heads.gains[i]) * spread[i] * largest);
    y.path = std::move(heads);
  }
  return y;
}

EuclideanWorld::Block EuclideanWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  Block y = plain(world(x.bits).rotate(x.balls, rotary, heads, columns), x.radii, x.bits);
  HeadMoves moves = head_moves(x, heads);
  if (moves.source) y.path = Heads{moves.source, moves.weight, heads, std::move(moves.gains), moves.linear};
  return y;
}

EuclideanWorld::Block EuclideanWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
                                             Memory& memory) const {
  const HeadMoves query = head_moves(q, a.heads), key = head_moves(k, a.kv_heads), value = head_moves(v, a.kv_heads);
  const std::size_t first = memory.balls.entries, tokens = columns.size(), size = a.head_size;
  const bool known = query.source && key.source && value.source && std::holds_alternative<Mapped>(v.path) && (first == 0 || memory.past);

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
  Block y = plain(world(x.bits).activate(activation, x.balls), scaled(x.radii, magnitude_of(bounds.lipschitz)), x.bits);
  const auto* path = std::get_if<Mapped>(&x.path);
  if (!path) return y;
  const std::size_t rows = x.balls.rows(), tokens = x.balls.columns();
  const Magnitudes& norms = *path->rows;
  const std::vector<double> none(rows * tokens);
  Inner inner{path->source, path->weight, nullptr, activation, none, none, none, none};
  parallel_for(rows, [&](std::size_t k) {  // a row of balls lies together
    for (std::size_t c = 0; c < tokens; ++c) {
      const std::size_t at = c * rows + k;
      const double g = middle(x.balls(k, c)), value = middle(y.balls(k, c));
      const double g_error = upward(middle_error(x.balls(k, c), g) + upper_double(norms[k] * path->source->moves[c]));
      const double value_error = middle_error(y.balls(k, c), value);
      inner.b[at] = value, inner.db[at] = upward(value_error + bounds.lipschitz * g_error);
      if (!is_moderate(g) || !is_moderate(value)) {
        inner.da[at] = infinite_bound;
      } else if (activation == Activation::relu && std::fabs(g) <= g_error) {
        inner.a[at] = inner.da[at] = 0.5;
      } else {
        const SlopeEnclosure slope = activation_slope(activation, g, value, value_error);
        inner.a[at] = slope.value;
        inner.da[at] = activation == Activation::relu ? 0 : upward(slope.error + bounds.curvature * g_error);
      }
    }
  });
  y.path = std::move(inner);
  return y;
}

EuclideanWorld::Block EuclideanWorld::multiply(const Block& x, const Block& y) const {
  const std::size_t rows = x.balls.rows(), tokens = x.balls.columns();
  Block z = plain(world(x.bits).multiply(x.balls, y.balls), Magnitudes(tokens), x.bits);
  parallel_for(tokens, [&](std::size_t c) {
    z.radii[c] = (largest_entry(y.balls, c) + y.radii[c]) * x.radii[c] + largest_entry(x.balls, c) * y.radii[c];
  });
  const auto* inner = std::get_if<Inner>(&x.path);
  const auto* up = std::get_if<Mapped>(&y.path);
  if (!inner || inner->second || !up || up->source != inner->source) return z;
  const Magnitudes& norms = *up->rows;
  Inner gated = *inner;
  gated.second = up->weight;
  parallel_for(rows, [&](std::size_t k) {  // a row of balls lies together
    for (std::size_t c = 0; c < tokens; ++c) {
      const std::size_t at = c * rows + k;
      const double u = middle(y.balls(k, c));
      const double u_error = upward(middle_error(y.balls(k, c), u) + upper_double(norms[k] * up->source->moves[c]));
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

EuclideanWorld::Block EuclideanWorld::linear(const Linear& map, const Block& x) const {
  Block y = plain(world(x.bits).linear(map, x.balls), {}, x.bits);
  std::shared_ptr<const Source> source;
  if (const auto* normed = std::get_if<Normed>(&x.path)) source = normed->source;
  else if (std::holds_alternative<Stream>(x.path)) source = std::make_shared<Source>(Source{x.radii, {}});
  if (source) {
    auto rows = row_norms(*map.weight, source->weights);
    y.radii = scaled(source->moves, norm_of_rows(*rows, 0, rows->size()));
    y.path = Mapped{std::move(source), map.weight, std::move(rows)};
    return y;
  }
  y.radii = scaled(x.radii, norm_of_rows(*row_norms(*map.weight, {}), 0, map.weight->rows()));
  Magnitudes sharper;
  if (const auto* inner = std::get_if<Inner>(&x.path)) sharper = inner_moves(*inner, *map.weight);
  if (const auto* mixed = std::get_if<Mixed>(&x.path)) sharper = attention_moves(*mixed->branch, *map.weight);
  for (std::size_t c = 0; c < sharper.size(); ++c) y.radii[c] = least(y.radii[c], sharper[c]);
  return y;
}

EuclideanWorld::Block EuclideanWorld::select(const Block& x, std::span<const std::size_t> columns) const {
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
  BallMatrix y = x.balls;
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
