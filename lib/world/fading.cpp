#include "lib/world/fading.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/matrix_norms.hpp"
#include "lib/world/activation_derivative.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/norm_slope.hpp"

namespace snellen {
namespace {

constexpr long coarse_bits = 64;  // of norms: bounds need not be sharper

Magnitude infinite() {
  Magnitude result;
  mag_inf(result.get());
  return result;
}

// Unknown times nothing is unknown.
Magnitude product(const Magnitude& x, const Magnitude& y) { return x.is_finite() && y.is_finite() ? x * y : infinite(); }

// At least the 2-norm.
Magnitude two_norm(const BallMatrix& a) {
  const Dyadic upper = matrix_norms(a, coarse_bits).two.upper;
  if (!upper.is_finite()) return infinite();
  Ball x;
  arf_set_mpfr(arb_midref(static_cast<arb_ptr>(x)), upper.get());
  return Magnitude::of(x);
}

Magnitude length_of(const BallVector& x) {
  Magnitude sum;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Magnitude entry = Magnitude::of(x[i]);
    mag_addmul(sum.get(), entry.get(), entry.get());
  }
  mag_sqrt(sum.get(), sum.get());
  return sum;
}

// Rows [begin, begin + count) of a matrix, its columns times the weights.
BallMatrix rows_of(const Tensor& matrix, std::size_t begin, std::size_t count, const BallVector* weights) {
  BallMatrix result(count, matrix.columns());
  std::vector<double> row(matrix.columns());
  for (std::size_t i = 0; i < count; ++i) {
    matrix.read_row(begin + i, row);
    for (std::size_t j = 0; j < row.size(); ++j) {
      arb_set_d(result(i, j), row[j]);
      if (weights) arb_mul(result(i, j), result(i, j), (*weights)[j], coarse_bits);
    }
  }
  return result;
}

// Columns [begin, begin + count).
BallMatrix columns_of(const Tensor& matrix, std::size_t begin, std::size_t count) {
  BallMatrix result(matrix.rows(), count);
  std::vector<double> row(matrix.columns());
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    matrix.read_row(i, row);
    for (std::size_t j = 0; j < count; ++j) arb_set_d(result(i, j), row[begin + j]);
  }
  return result;
}

BallMatrix times(const BallMatrix& a, const BallMatrix& b) {
  BallMatrix result(a.rows(), b.columns());
  arb_mat_mul(result.get(), a.get(), b.get(), coarse_bits);
  return result;
}

std::shared_ptr<const BallVector> weights_of(const Norm& n) {
  if (!n.weight) return nullptr;
  const std::vector<double> stored = read_all(*n.weight);
  auto weights = std::make_shared<BallVector>(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    arb_set_d((*weights)[i], stored[i]);
    if (n.unit_offset) arb_add_ui((*weights)[i], (*weights)[i], 1, coarse_bits);
  }
  return weights;
}

}  // namespace

// One attention step: what each head gives each token, how far the tokens' values are from its output, and the vectors' lengths.
struct FadingWorld::Branch {
  struct Head {
    HeadShares shares;
    std::vector<BallVector> apart;   // v_e - o, the explicit tokens; then the later ones
    std::vector<Magnitude> keys;     // |k_e|, likewise
    Magnitude query;                 // |q|
  };
  Attention attention;
  SourcePtr source;
  TensorPtr query, key, value;
  std::vector<Head> heads;
  std::vector<Magnitude> slopes;     // of the norm before attention: of explicit tokens, then of the later ones
  Magnitude inverse_tokens;          // at least 1/t
};

Fading Fading::identity() { return {Magnitude::of(1), Magnitude()}; }
Fading Fading::unknown() { return {infinite(), infinite()}; }
Fading operator*(Fading x, const Magnitude& factor) { return {product(x.own, factor), product(x.other, factor)}; }
void Fading::raise_to(const Fading& x) { own = std::max(own, x.own), other = std::max(other, x.other); }

FadingWorld::FadingWorld(Length first, const RunShape& shape, std::shared_ptr<const BallWorld> balls)
    : shape_(shape), decays_(first), world_(std::move(first), shape, std::move(balls)) {
  if (shape.unit != 1 || shape.suffix != 0) throw std::logic_error("FadingWorld: a unit of several tokens, or a suffix");
}

auto FadingWorld::scale(const Block& x, const Root& factor) const -> Block {
  Ball f;
  set_root(f, factor, coarse_bits);
  return {world_.scale(x.stream, factor), x.reach * Magnitude::of(f), Stream{}};
}

auto FadingWorld::add(const Block& x, const Block& y) const -> Block {
  Block sum{world_.add(x.stream, y.stream), x.reach, Stream{}};
  sum.reach += y.reach;
  return sum;
}

auto FadingWorld::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  Block y{world_.norm(n, x.stream, groups), Fading::unknown(), Plain{}};
  if (groups > 1) return y;
  const auto* stream = std::get_if<Stream>(&x.path);
  const Magnitude slope = norm_slope(n, x.stream.balls, 0, width(x), 1, Magnitude());  // column 1: the range
  const Fading normalised = x.reach * slope;
  y.reach = normalised * largest_norm_weight(norm_weights(n));
  if (stream) y.path = Normed{std::make_shared<const Source>(Source{normalised, slope, stream->fresh, weights_of(n)})};
  return y;
}

auto FadingWorld::activate(Activation activation, const Block& x) const -> Block {
  Block y{world_.activate(activation, x.stream), Fading::unknown(), Plain{}};
  const auto* mapped = std::get_if<Mapped>(&x.path);
  if (!mapped) return y;
  auto inner = std::make_shared<Inner>(Inner{mapped->source, mapped->weight, nullptr, BallVector(width(x)), BallVector(width(x))});
  for (std::size_t i = 0; i < width(x); ++i) {
    arb_set(inner->a[i], activation_derivative(activation, x.stream.range(i, 0), coarse_bits));
    arb_set(inner->b[i], y.stream.range(i, 0));
  }
  y.path = std::shared_ptr<const Inner>(std::move(inner));
  return y;
}

auto FadingWorld::multiply(const Block& x, const Block& y) const -> Block {
  Block result{world_.multiply(x.stream, y.stream), Fading::unknown(), Plain{}};
  const auto* active = std::get_if<std::shared_ptr<const Inner>>(&x.path);
  const auto* mapped = std::get_if<Mapped>(&y.path);
  if (!active || !mapped || (*active)->second || (*active)->source != mapped->source) return result;
  auto inner = std::make_shared<Inner>(Inner{mapped->source, (*active)->first, mapped->weight, BallVector(width(x)), BallVector(width(x))});
  for (std::size_t i = 0; i < width(x); ++i) {
    arb_mul(inner->a[i], (*active)->a[i], y.stream.range(i, 0), coarse_bits);
    arb_set(inner->b[i], (*active)->b[i]);
  }
  result.path = std::shared_ptr<const Inner>(std::move(inner));
  return result;
}

auto FadingWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const -> Block {
  return {world_.rotate(x.stream, rotary, heads, columns), Fading::unknown(), x.path};
}

auto FadingWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const -> Block {
  Block y{world_.attend(attention, q.stream, k.stream, v.stream, columns, memory.past), Fading::unknown(), Plain{}};
  const Mapped *query = std::get_if<Mapped>(&q.path), *key = std::get_if<Mapped>(&k.path), *value = std::get_if<Mapped>(&v.path);
  if (attention.window || !attention.alibi.empty() || !query || !key || !value || !value->source->fresh) return y;
  auto branch = std::make_shared<Branch>(Branch{attention, value->source, query->weight, key->weight, value->weight, {}, memory.slopes, {}});
  branch->slopes.push_back(value->source->slope);
  branch->inverse_tokens = quotient(1, decays_.first() + shape_.prefix);
  const BallWorld::Memory& tokens = memory.past.tokens;
  const MajorantAttention step(attention, shape_, decays_, q.stream, k.stream, v.stream, memory.past, coarse_bits);
  const std::size_t size = attention.head_size, entry_width = k.stream.width();
  for (std::size_t h = 0; h < attention.heads; ++h) {
    const std::size_t row = h * size, key_row = h / (attention.heads / attention.kv_heads) * size;
    Branch::Head head{step.shares(h), {}, {}, {}};
    BallVector vector(size);
    for (std::size_t i = 0; i < size; ++i) arb_set(vector[i], q.stream.range(row + i, 0));
    head.query = length_of(vector);
    for (std::size_t e = 0; e <= tokens.entries; ++e) {
      const bool later = e == tokens.entries;
      BallVector apart(size);
      for (std::size_t i = 0; i < size; ++i) {
        arb_srcptr its = later ? v.stream.range(key_row + i, 0) : tokens.values[e * entry_width + key_row + i];
        arb_sub(apart[i], its, y.stream.range(row + i, 0), coarse_bits);
        arb_set(vector[i], later ? k.stream.range(key_row + i, 0) : tokens.keys[e * entry_width + key_row + i]);
      }
      head.apart.push_back(std::move(apart));
      head.keys.push_back(length_of(vector));
    }
    branch->heads.push_back(std::move(head));
  }
  y.path = std::shared_ptr<const Branch>(std::move(branch));
  return y;
}

auto FadingWorld::linear(const Linear& map, const Block& x) const -> Block {
  Block y{world_.linear(map, x.stream), Fading::unknown(), Plain{}};
  if (const auto* stream = std::get_if<Stream>(&x.path)) {
    y.path = Mapped{std::make_shared<const Source>(Source{x.reach, Magnitude::of(1), stream->fresh, nullptr}), map.weight};
  } else if (const auto* normed = std::get_if<Normed>(&x.path)) {
    y.path = Mapped{normed->source, map.weight};
  } else if (const auto* inner = std::get_if<std::shared_ptr<const Inner>>(&x.path)) {
    // |D (a W + b V)|_2, the norm's weights folded in.
    const Inner& i = **inner;
    BallMatrix slopes = rows_of(*i.first, 0, i.first->rows(), i.source->weights.get());
    const BallMatrix more = i.second ? rows_of(*i.second, 0, i.second->rows(), i.source->weights.get()) : BallMatrix();
    for (std::size_t r = 0; r < slopes.rows(); ++r)
      for (std::size_t c = 0; c < slopes.columns(); ++c) {
        arb_mul(slopes(r, c), slopes(r, c), i.a[r], coarse_bits);
        if (i.second) arb_addmul(slopes(r, c), more(r, c), i.b[r], coarse_bits);
      }
    y.reach = i.source->reach * two_norm(times(columns_of(*map.weight, 0, map.weight->columns()), slopes));
  } else if (const auto* mixed = std::get_if<std::shared_ptr<const Branch>>(&x.path)) {
    // Three parts, as in proofs/sensitivity.md: what the values do, what the weights do as keys move, what they do as the token's own query moves. t times each, but the last.
    const Branch& b = **mixed;
    Ball factor;
    set_root(factor, b.attention.scale, coarse_bits);
    const Magnitude scale = Magnitude::of(factor);
    const std::size_t size = b.attention.head_size, entries = b.slopes.size(), group = b.attention.heads / b.attention.kv_heads;
    std::vector<Magnitude> blocks(entries);  // t |d / d n_e|, the explicit tokens; then any later one
    Magnitude queries;
    for (std::size_t h = 0; h < b.heads.size(); ++h) {
      const Branch::Head& head = b.heads[h];
      const BallVector* weights = b.source->weights.get();
      const BallMatrix out = columns_of(*map.weight, h * size, size);
      const Magnitude values = two_norm(times(out, rows_of(*b.value, h / group * size, size, weights)));
      const Magnitude keys = two_norm(rows_of(*b.key, h / group * size, size, weights)) * head.query * scale;
      const Magnitude own = two_norm(rows_of(*b.query, h * size, size, weights)) * scale;
      for (std::size_t e = 0; e < entries; ++e) {
        const bool later = e + 1 == entries;
        const Magnitude& share = later ? head.shares.copies : head.shares.explicit_tokens[e];
        BallVector moved(out.rows());
        for (std::size_t i = 0; i < out.rows(); ++i)
          for (std::size_t j = 0; j < size; ++j) arb_addmul(moved[i], out(i, j), head.apart[e][j], coarse_bits);
        const Magnitude away = length_of(moved);
        blocks[e] += product(share, values + away * keys);
        // Of all later tokens together the weight is at most one.
        queries += product(later ? Magnitude::of(1) : product(share, b.inverse_tokens), away * head.keys[e] * own);
      }
    }
    for (std::size_t e = 0; e < entries; ++e) y.reach.other = e == 0 ? product(blocks[e], b.slopes[e]) : std::max(y.reach.other, product(blocks[e], b.slopes[e]));
    y.reach.own = product(product(blocks.back(), b.inverse_tokens) + queries, b.slopes.back());
  }
  return y;
}

}  // namespace snellen
