#include "lib/world/era.hpp"

#include <stdexcept>

#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

using Extent = EraWorld::Extent;

bool several_tokens(const Extent& extent) {
  const auto* era = std::get_if<EraWorld::Era>(&extent);
  return era && era->first < era->last;
}

void set_row(arb_ptr entries, const Tensor& tensor, std::size_t row) {
  std::vector<double> values(tensor.columns());
  tensor.read_row(row, values);
  for (std::size_t i = 0; i < values.size(); ++i) arb_set_d(entries + i, values[i]);
}

// Runs f(i) for i < count, on all threads where the work is worth it.
template <class F>
void for_each_index(std::size_t count, bool worth_it, const F& f) {
#pragma omp parallel for schedule(dynamic) if (worth_it)
  for (std::size_t i = 0; i < count; ++i) f(i);
}

BallVector midpoints_of_constants(const BallMatrix& x) {
  BallVector result(x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) arb_get_mid_arb(result[i], x.row(i));
  return result;
}

}  // namespace

EraWorld::EraWorld(Extent extent, std::size_t degree, std::shared_ptr<const BallWorld> balls, long accuracy)
    : extent_(std::move(extent)), balls_(std::move(balls)), taylor_(balls_->bits(), several_tokens(extent_) ? degree : 0), accuracy_(accuracy) {
  if (several_tokens(extent_)) {
    const Era& era = std::get<Era>(extent_);
    sums_ = std::make_shared<const PowerSums>(era.first, era.last, degree, taylor_.bits());
  }
}

BallMatrix EraWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  if (columns.size() != 1) throw std::logic_error("EraWorld::embed: one abstract token at a time");
  Block x(table->columns(), static_cast<std::size_t>(taylor_.length()));
  BallVector row(table->columns());
  set_row(row[0], *table, static_cast<std::size_t>(columns[0].token));
  for (std::size_t i = 0; i < x.rows(); ++i) arb_set(x(i, 0), row[i]);
  return x;
}

BallMatrix EraWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("EraWorld: a run has no limit under learned positions");
}

BallMatrix EraWorld::add_sinusoids(const Block&, std::span<const Column>) const {
  throw std::logic_error("EraWorld: a run has no limit under sinusoidal positions");
}

BallMatrix EraWorld::rotate(const Block&, const Rotary&, std::size_t, std::span<const Column>) const {
  throw std::logic_error("EraWorld: rotary positions are not supported");
}

BallMatrix EraWorld::scale(const Block& x, const Root& factor) const {
  Block y(x.rows(), x.columns());
  Ball f;
  set_root(f, factor, taylor_.bits());
  for (std::size_t i = 0; i < x.rows(); ++i) taylor_.scale(y.row(i), x.row(i), f);
  return y;
}

BallMatrix EraWorld::add(const Block& x, const Block& y) const {
  Block sum(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) taylor_.add(sum.row(i), x.row(i), y.row(i));
  return sum;
}

BallMatrix EraWorld::multiply(const Block& x, const Block& y) const {
  Block product(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) taylor_.multiply(product.row(i), x.row(i), y.row(i));
  return product;
}

BallMatrix EraWorld::linear(const Linear& map, const Block& x) const {
  // Every coefficient is a column of its own; a bias belongs to the constants alone.
  BallMatrix weight(map.weight->rows(), map.weight->columns());
  for (std::size_t i = 0; i < weight.rows(); ++i) set_row(weight.row(i), *map.weight, i);
  Block y(weight.rows(), x.columns());
  arb_mat_mul(y.get(), weight.get(), x.get(), taylor_.bits());
  BallVector bias(map.bias ? y.rows() : 0);
  if (map.bias) set_row(bias[0], *map.bias, 0);
  for (std::size_t i = 0; i < y.rows(); ++i) {
    if (map.bias) arb_add(y(i, 0), y(i, 0), bias[i], taylor_.bits());
    taylor_.sweep(y.row(i));
  }
  return y;
}

BallMatrix EraWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = taylor_.bits();
  const std::size_t size = x.rows() / groups, length = x.columns();
  BallVector weight(size), bias(n.bias ? size : 0);
  if (n.weight) set_row(weight[0], *n.weight, 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (!n.weight) arb_one(weight[i]);
    else if (n.unit_offset) arb_add_ui(weight[i], weight[i], 1, bits);
  }
  if (n.bias) set_row(bias[0], *n.bias, 0);

  Block y(x.rows(), length);
  for (std::size_t g = 0; g < groups; ++g) {
    BallMatrix centred(size, length);
    for (std::size_t i = 0; i < size; ++i) _arb_vec_set(centred.row(i), x.row(g * size + i), taylor_.length());
    BallVector square(length), mean(length), factor(length);
    Ball count, epsilon;
    arb_set_ui(count, size);
    arb_inv(count, count, bits);
    if (n.kind == NormKind::layer) {
      for (std::size_t i = 0; i < size; ++i) taylor_.add(mean[0], mean[0], centred.row(i));
      taylor_.scale(mean[0], mean[0], count);
      for (std::size_t i = 0; i < size; ++i) {
        _arb_vec_sub(centred.row(i), centred.row(i), mean[0], taylor_.length(), bits);
        taylor_.sweep(centred.row(i));
      }
      _arb_vec_zero(mean[0], taylor_.length());
    }
    for (std::size_t i = 0; i < size; ++i) {
      taylor_.multiply(square[0], centred.row(i), centred.row(i));
      taylor_.add(mean[0], mean[0], square[0]);
    }
    taylor_.scale(mean[0], mean[0], count);
    arb_set_d(epsilon, n.epsilon);
    arb_add(mean[0], mean[0], epsilon, bits);
    taylor_.inverse_sqrt(factor[0], mean[0]);
    for (std::size_t i = 0; i < size; ++i) {
      arb_ptr row = y.row(g * size + i);
      taylor_.multiply(square[0], centred.row(i), factor[0]);
      taylor_.scale(row, square[0], weight[i]);
      if (n.bias) arb_add(row, row, bias[i], bits);
    }
  }
  return y;
}

BallMatrix EraWorld::activate(Activation activation, const Block& x) const {
  const long bits = taylor_.bits();
  const std::size_t length = x.columns();
  Block y(x.rows(), length);
  for_each_index(x.rows(), several_tokens(extent_) && x.rows() >= 256, [&](std::size_t i) {
    BallVector u(length), t(length);
    // x / (1 + e^(-u)).
    const auto times_sigmoid = [&](arb_ptr result) {
      _arb_vec_neg(u[0], u[0], taylor_.length());
      taylor_.exp(t[0], u[0]);
      arb_add_ui(t[0], t[0], 1, bits);
      taylor_.inverse(u[0], t[0]);
      taylor_.multiply(result, x.row(i), u[0]);
    };
    switch (activation) {
      case Activation::identity: _arb_vec_set(y.row(i), x.row(i), taylor_.length()); break;
      case Activation::relu: taylor_.relu(y.row(i), x.row(i)); break;
      case Activation::silu:
        _arb_vec_set(u[0], x.row(i), taylor_.length());
        times_sigmoid(y.row(i));
        break;
      case Activation::gelu_exact: {  // x/2 (1 + erf(x / sqrt 2))
        Ball root;
        arb_sqrt_ui(root, 2, bits);
        arb_inv(root, root, bits);
        taylor_.scale(u[0], x.row(i), root);
        taylor_.erf(t[0], u[0]);
        arb_add_ui(t[0], t[0], 1, bits);
        taylor_.multiply(y.row(i), x.row(i), t[0]);
        _arb_vec_scalar_mul_2exp_si(y.row(i), y.row(i), taylor_.length(), -1);
        break;
      }
      case Activation::gelu_tanh: {  // x / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3)
        Ball factor;
        taylor_.multiply(t[0], x.row(i), x.row(i));
        arb_set_ui(factor, 44715);
        arb_div_ui(factor, factor, 1000000, bits);
        taylor_.scale(t[0], t[0], factor);
        arb_add_ui(t[0], t[0], 1, bits);
        taylor_.multiply(u[0], t[0], x.row(i));
        arb_const_pi(factor, bits);
        arb_ui_div(factor, 8, factor, bits);  // (2 sqrt(2/pi))^2
        arb_sqrt(factor, factor, bits);
        taylor_.scale(u[0], u[0], factor);
        times_sigmoid(y.row(i));
        break;
      }
    }
  });
  return y;
}

void EraWorld::attend_head(const Attention& a, std::size_t head, const Block& q, const Block& k, const Block& v, std::int64_t position, Memory& memory,
                           Block& mixed) const {
  const long bits = taylor_.bits();
  const std::size_t size = a.head_size, length = q.columns();
  const std::size_t query_row = head * size, key_row = head / (a.heads / a.kv_heads) * size;
  HeadPast& past = memory.heads[head];

  Ball scale;
  set_root(scale, a.scale, bits);
  BallMatrix query_rows(size, length), keys(size, length), values(size, length);  // dq, dk, dv
  BallVector score(length);                                                        // q_c . dk
  for (std::size_t i = 0; i < size; ++i) {
    taylor_.scale(query_rows.row(i), q.row(query_row + i), scale);
    arb_sub(query_rows(i, 0), query_rows(i, 0), memory.query[query_row + i], bits);
    _arb_vec_set(keys.row(i), k.row(key_row + i), taylor_.length());
    arb_sub(keys(i, 0), keys(i, 0), memory.key[key_row + i], bits);
    _arb_vec_set(values.row(i), v.row(key_row + i), taylor_.length());
    arb_sub(values(i, 0), values(i, 0), memory.value[key_row + i], bits);
    _arb_vec_scalar_addmul(score[0], keys.row(i), taylor_.length(), memory.query[query_row + i], bits);
  }
  taylor_.sweep(score[0]);
  const HeadQuery query(std::move(query_rows));

  if (!is_tail()) past.retire(query.norm, accuracy_, bits);
  BallMatrix sums;
  if (several_tokens(extent_)) {
    HeadTokens own{std::move(keys), BallMatrix(1 + size, length)};
    taylor_.exp(own.weighted.row(0), score[0]);
    for (std::size_t i = 0; i < size; ++i) taylor_.multiply(own.weighted.row(1 + i), own.weighted.row(0), values.row(i));
    sums = past.sums(query, taylor_, accuracy_);
    const BallMatrix of_own = own_sums(query, own, *sums_, taylor_, static_cast<double>(-accuracy_));
    for (std::size_t i = 0; i <= size; ++i) taylor_.add(sums.row(i), sums.row(i), of_own.row(i));
    past.add_era(own, *sums_, taylor_);
  } else if (!is_tail()) {  // one token: it sees itself as it sees all others
    Ball weight, factor;
    arb_exp(weight, score[0], bits);
    if (!a.alibi.empty()) {
      set_alibi_factor(factor, a.alibi[head], position, bits);  // only the weights' ratios matter: -slope (i - j) becomes slope j
      arb_mul(weight, weight, factor, bits);
    }
    BallVector key(size), value(size);
    for (std::size_t i = 0; i < size; ++i) arb_set(key[i], keys(i, 0)), arb_set(value[i], values(i, 0));
    past.add_token(weight, std::move(key), value, bits);
    sums = past.sums(query, taylor_, accuracy_);
  } else {
    sums = past.sums(query, taylor_, accuracy_);
  }

  BallVector inverse(length), mean(length);
  taylor_.inverse(inverse[0], sums.row(0));
  for (std::size_t i = 0; i < size; ++i) {
    taylor_.multiply(mean[0], sums.row(1 + i), inverse[0]);
    // A convex combination of the mean over the tokens before the tail and of values of the tail (proofs/tail.md, `convex_hull`).
    if (is_tail()) arb_union(mean[0], mean[0], values.row(i), bits);
    arb_add(mean[0], mean[0], memory.value[key_row + i], bits);
    taylor_.sweep(mean[0]);
    _arb_vec_set(mixed.row(query_row + i), mean[0], taylor_.length());
  }
}

BallMatrix EraWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  if (a.window || a.softcap || a.rotary) throw std::logic_error("EraWorld::attend: windows, soft-caps and rotary positions are not supported");
  if (!a.alibi.empty() && several_tokens(extent_)) throw std::logic_error("EraWorld::attend: under ALiBi an era has one token");
  Block mixed(q.rows(), q.columns());
  if (is_limit()) {  // the token sees itself alone
    Ball scale;
    set_root(scale, a.scale, taylor_.bits());
    memory.query = midpoints_of_constants(q);
    for (std::size_t i = 0; i < q.rows(); ++i) {
      arb_mul(memory.query[i], memory.query[i], scale, taylor_.bits());
      arb_get_mid_arb(memory.query[i], memory.query[i]);
    }
    memory.key = midpoints_of_constants(k);
    memory.value = midpoints_of_constants(v);
    memory.heads.resize(a.heads);
    const std::size_t group = a.heads / a.kv_heads;
    for (std::size_t i = 0; i < q.rows(); ++i) arb_set(mixed(i, 0), v(i / a.head_size / group * a.head_size + i % a.head_size, 0));
    return mixed;
  }
  if (memory.heads.size() != a.heads) throw std::logic_error("EraWorld::attend: the limit comes first");
  for_each_index(a.heads, several_tokens(extent_), [&](std::size_t head) { attend_head(a, head, q, k, v, columns[0].position, memory, mixed); });
  return mixed;
}

void EraWorld::add_tokens(const Attention& a, const BallWorld::Memory& tokens, Memory& memory) const {
  const long bits = taylor_.bits();
  const std::size_t entry_width = a.kv_heads * a.head_size;
  for_each_index(a.heads, true, [&](std::size_t head) {
    const std::size_t query_row = head * a.head_size, key_row = head / (a.heads / a.kv_heads) * a.head_size;
    Ball weight, factor;
    for (std::size_t e = 0; e < tokens.entries; ++e) {
      BallVector key(a.head_size), value(a.head_size);
      arb_zero(weight);
      for (std::size_t i = 0; i < a.head_size; ++i) {
        arb_sub(key[i], tokens.keys[e * entry_width + key_row + i], memory.key[key_row + i], bits);
        arb_sub(value[i], tokens.values[e * entry_width + key_row + i], memory.value[key_row + i], bits);
        arb_addmul(weight, key[i], memory.query[query_row + i], bits);
      }
      arb_exp(weight, weight, bits);
      if (!a.alibi.empty()) {
        set_alibi_factor(factor, a.alibi[head], static_cast<std::int64_t>(e), bits);
        arb_mul(weight, weight, factor, bits);
      }
      memory.heads[head].add_token(weight, std::move(key), value, bits);
    }
  });
}

BallMatrix EraWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  if (columns.size() != 1 || columns[0] != 0) throw std::logic_error("EraWorld::select: there is one column");
  return x;
}

std::vector<Enclosure> EraWorld::enclosures(const Block& x, std::size_t) const {
  BallMatrix column(x.rows(), 1);
  for (std::size_t i = 0; i < x.rows(); ++i) taylor_.range(column(i, 0), x.row(i));
  return balls_->enclosures(column, 0);
}

}  // namespace snellen
