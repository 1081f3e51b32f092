#include "lib/world/era.hpp"

#include <stdexcept>

#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

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
  if (worth_it) return parallel_for(count, f);
  for (std::size_t i = 0; i < count; ++i) f(i);
}

BallVector midpoints_of_column(const BallMatrix& x, std::size_t column) {
  BallVector result(x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) arb_get_mid_arb(result[i], x(i, column));
  return result;
}

// Every number of [0, w / (w + mass)], for all points of the balls: what a token of weight w > 0 weighs beside others of at least this mass.
void set_share(arb_ptr result, arb_srcptr weight, arb_srcptr mass, long bits) {
  Ball ratio, zero;
  arb_div(ratio, mass, weight, bits);
  arb_add_ui(ratio, ratio, 1, bits);
  arb_inv(ratio, ratio, bits);
  arb_union(result, ratio, zero, bits);
}

}  // namespace

EraWorld::EraWorld(Extent extent, std::size_t degree, std::shared_ptr<const BallWorld> balls, long accuracy)
    : extent_(std::move(extent)), balls_(std::move(balls)), taylor_(balls_->bits(), several_tokens(extent_) ? degree : 0), accuracy_(accuracy) {
  if (several_tokens(extent_)) {
    const Era& era = std::get<Era>(extent_);
    sums_ = std::make_shared<const PowerSums>(era.first, era.last, degree, taylor_.bits());
  }
}

template <class F>
void EraWorld::for_each_model(const Block& x, const F& f) const {
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); c += length()) f(i, c);
}

BallMatrix EraWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  Block x(table->columns(), columns.size() * length());
  BallVector row(table->columns());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    set_row(row[0], *table, static_cast<std::size_t>(columns[c].token));
    for (std::size_t i = 0; i < x.rows(); ++i) arb_set(x(i, c * length()), row[i]);
  }
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
  for_each_model(x, [&](std::size_t i, std::size_t c) { taylor_.scale(y(i, c), x(i, c), f); });
  return y;
}

BallMatrix EraWorld::add(const Block& x, const Block& y) const {
  Block sum(x.rows(), x.columns());
  for_each_model(x, [&](std::size_t i, std::size_t c) { taylor_.add(sum(i, c), x(i, c), y(i, c)); });
  return sum;
}

BallMatrix EraWorld::multiply(const Block& x, const Block& y) const {
  Block product(x.rows(), x.columns());
  for_each_model(x, [&](std::size_t i, std::size_t c) { taylor_.multiply(product(i, c), x(i, c), y(i, c)); });
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
  for_each_model(y, [&](std::size_t i, std::size_t c) {
    if (map.bias) arb_add(y(i, c), y(i, c), bias[i], taylor_.bits());
    taylor_.sweep(y(i, c));
  });
  return y;
}

BallMatrix EraWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = taylor_.bits();
  const std::size_t size = x.rows() / groups;
  BallVector weight(size), bias(n.bias ? size : 0);
  if (n.weight) set_row(weight[0], *n.weight, 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (!n.weight) arb_one(weight[i]);
    else if (n.unit_offset) arb_add_ui(weight[i], weight[i], 1, bits);
  }
  if (n.bias) set_row(bias[0], *n.bias, 0);

  Block y(x.rows(), x.columns());
  BallMatrix centred(size, length());
  BallVector square(length()), mean(length()), factor(length());
  Ball count, epsilon;
  arb_set_ui(count, size);
  arb_inv(count, count, bits);
  const auto normalise = [&](std::size_t first, std::size_t column) {
    for (std::size_t i = 0; i < size; ++i) _arb_vec_set(centred.row(i), x(first + i, column), taylor_.length());
    _arb_vec_zero(mean[0], taylor_.length());
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
      arb_ptr entry = y(first + i, column);
      taylor_.multiply(square[0], centred.row(i), factor[0]);
      taylor_.scale(entry, square[0], weight[i]);
      if (n.bias) arb_add(entry, entry, bias[i], bits);
    }
  };
  for (std::size_t g = 0; g < groups; ++g)
    for (std::size_t t = 0; t < tokens(x); ++t) normalise(g * size, t * length());
  return y;
}

BallMatrix EraWorld::activate(Activation activation, const Block& x) const {
  const long bits = taylor_.bits();
  Block y(x.rows(), x.columns());
  for_each_index(x.rows() * tokens(x), several_tokens(extent_) && x.rows() * tokens(x) >= 256, [&](std::size_t model) {
    const std::size_t row = model / tokens(x), column = model % tokens(x) * length();
    arb_srcptr argument = x(row, column);
    arb_ptr value = y(row, column);
    BallVector u(length()), t(length());
    // x / (1 + e^(-u)).
    const auto times_sigmoid = [&](arb_ptr result) {
      _arb_vec_neg(u[0], u[0], taylor_.length());
      taylor_.exp(t[0], u[0]);
      arb_add_ui(t[0], t[0], 1, bits);
      taylor_.inverse(u[0], t[0]);
      taylor_.multiply(result, argument, u[0]);
    };
    switch (activation) {
      case Activation::identity: _arb_vec_set(value, argument, taylor_.length()); break;
      case Activation::relu: taylor_.relu(value, argument); break;
      case Activation::silu:
        _arb_vec_set(u[0], argument, taylor_.length());
        times_sigmoid(value);
        break;
      case Activation::gelu_exact: {  // x/2 (1 + erf(x / sqrt 2))
        Ball root;
        arb_sqrt_ui(root, 2, bits);
        arb_inv(root, root, bits);
        taylor_.scale(u[0], argument, root);
        taylor_.erf(t[0], u[0]);
        arb_add_ui(t[0], t[0], 1, bits);
        taylor_.multiply(value, argument, t[0]);
        _arb_vec_scalar_mul_2exp_si(value, value, taylor_.length(), -1);
        break;
      }
      case Activation::gelu_tanh: {  // x / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3)
        Ball factor;
        taylor_.multiply(t[0], argument, argument);
        arb_set_ui(factor, 44715);
        arb_div_ui(factor, factor, 1000000, bits);
        taylor_.scale(t[0], t[0], factor);
        arb_add_ui(t[0], t[0], 1, bits);
        taylor_.multiply(u[0], t[0], argument);
        arb_const_pi(factor, bits);
        arb_ui_div(factor, 8, factor, bits);  // (2 sqrt(2/pi))^2
        arb_sqrt(factor, factor, bits);
        taylor_.scale(u[0], u[0], factor);
        times_sigmoid(value);
        break;
      }
    }
  });
  return y;
}

// Rows [row, row + size) of a token's models, less the centre.                                                         -> [size, degree + 1]
BallMatrix EraWorld::keys_or_values(const Block& x, std::size_t row, std::size_t size, std::size_t token, const BallVector& centre) const {
  BallMatrix result(size, length());
  for (std::size_t i = 0; i < size; ++i) {
    _arb_vec_set(result.row(i), x(row + i, token * length()), taylor_.length());
    arb_sub(result(i, 0), result(i, 0), centre[row + i], taylor_.bits());
    taylor_.sweep(result.row(i));
  }
  return result;
}

void EraWorld::attend_head(const Attention& a, std::size_t head, const Block& q, const Block& k, const Block& v, std::int64_t position, Memory& memory,
                           Block& mixed) const {
  const long bits = taylor_.bits();
  const std::size_t size = a.head_size, query_row = head * size, key_row = head / (a.heads / a.kv_heads) * size;
  std::vector<BallMatrix> keys, values;  // dk, dv of each token of the block
  for (std::size_t t = 0; t < tokens(q); ++t) {
    keys.push_back(keys_or_values(k, key_row, size, t, memory.key));
    values.push_back(keys_or_values(v, key_row, size, t, memory.value));
  }
  Ball scale;
  set_root(scale, a.scale, bits);

  for (std::size_t token = 0; token < tokens(q); ++token) {
    RunMemory::Viewer& viewer = memory.viewers[token];
    HeadPast& past = viewer.heads[head];
    BallMatrix query_rows(size, length());  // dq
    for (std::size_t i = 0; i < size; ++i) {
      taylor_.scale(query_rows.row(i), q(query_row + i, token * length()), scale);
      arb_sub(query_rows(i, 0), query_rows(i, 0), viewer.query[query_row + i], bits);
    }
    const HeadQuery query(std::move(query_rows));
    BallVector score(length());  // q_c . dk of the run token
    for (std::size_t i = 0; i < size; ++i) _arb_vec_scalar_addmul(score[0], keys[0].row(i), taylor_.length(), viewer.query[query_row + i], bits);
    taylor_.sweep(score[0]);

    // Over the run and what precedes it.
    BallMatrix sums;
    if (!is_tail()) past.retire(query, accuracy_, bits);
    if (several_tokens(extent_)) {
      HeadTokens own{keys[0], BallMatrix(1 + size, length())};
      taylor_.exp(own.weighted.row(0), score[0]);
      for (std::size_t i = 0; i < size; ++i) taylor_.multiply(own.weighted.row(1 + i), own.weighted.row(0), values[0].row(i));
      sums = past.sums(query, taylor_, accuracy_);
      const BallMatrix of_own = own_sums(query, own, *sums_, taylor_, past.wanted(query, own, *sums_, taylor_, accuracy_));
      for (std::size_t i = 0; i <= size; ++i) taylor_.add(sums.row(i), sums.row(i), of_own.row(i));
      past.add_era(own, *sums_, taylor_);
    } else if (!is_tail()) {  // one run token: it is seen as all others are, by itself too
      Ball weight, factor;
      arb_exp(weight, score[0], bits);
      if (!a.alibi.empty()) {
        set_alibi_factor(factor, a.alibi[head], position, bits);  // only the weights' ratios matter: -slope (i - j) becomes slope j
        arb_mul(weight, weight, factor, bits);
      }
      BallVector key(size), value(size);
      for (std::size_t i = 0; i < size; ++i) arb_set(key[i], keys[0](i, 0)), arb_set(value[i], values[0](i, 0));
      past.add_token(weight, std::move(key), value, bits);
      sums = past.sums(query, taylor_, accuracy_);
    } else {
      sums = past.sums(query, taylor_, accuracy_);
    }

    // Weights e^(q . dk) of the suffix tokens that it sees, itself included.
    std::vector<BallVector> weights;
    BallVector product(length());
    for (std::size_t j = 1; j <= token; ++j) {
      BallVector weight(length());
      _arb_vec_zero(score[0], taylor_.length());
      for (std::size_t i = 0; i < size; ++i) {
        _arb_vec_set(product[0], query.rows.row(i), taylor_.length());
        arb_add(product[0], product[0], viewer.query[query_row + i], bits);
        taylor_.multiply(weight[0], product[0], keys[j].row(i));
        taylor_.add(score[0], score[0], weight[0]);
      }
      taylor_.exp(weight[0], score[0]);
      weights.push_back(std::move(weight));
    }

    BallMatrix mean(size, length());
    BallVector inverse(length());
    if (is_tail()) {
      // A convex combination of the mean over the tokens before the tail and of values of the tail, and then of that and the suffix tokens' values, each of
      // which weighs at most what it weighs beside the tokens before the tail alone (proofs/tail.md, `convex_hull`, `suffix_weight`).
      taylor_.inverse(inverse[0], sums.row(0));
      for (std::size_t i = 0; i < size; ++i) {
        arb_mul(mean(i, 0), sums(1 + i, 0), inverse[0], bits);
        arb_union(mean(i, 0), mean(i, 0), values[0](i, 0), bits);
      }
      BallMatrix moved = mean;
      for (std::size_t j = 1; j <= token; ++j) {
        Ball share, shift;
        set_share(share, weights[j - 1][0], sums(0, 0), bits);
        for (std::size_t i = 0; i < size; ++i) {
          arb_sub(shift, values[j](i, 0), mean(i, 0), bits);
          arb_addmul(moved(i, 0), share, shift, bits);
        }
      }
      mean = std::move(moved);
    } else {
      for (std::size_t j = 1; j <= token; ++j) {
        taylor_.add(sums.row(0), sums.row(0), weights[j - 1][0]);
        for (std::size_t i = 0; i < size; ++i) {
          taylor_.multiply(product[0], weights[j - 1][0], values[j].row(i));
          taylor_.add(sums.row(1 + i), sums.row(1 + i), product[0]);
        }
      }
      taylor_.inverse(inverse[0], sums.row(0));
      for (std::size_t i = 0; i < size; ++i) taylor_.multiply(mean.row(i), sums.row(1 + i), inverse[0]);
    }
    for (std::size_t i = 0; i < size; ++i) {
      arb_add(mean(i, 0), mean(i, 0), memory.value[key_row + i], bits);
      taylor_.sweep(mean.row(i));
      _arb_vec_set(mixed(query_row + i, token * length()), mean.row(i), taylor_.length());
    }
  }
}

// All weight on the run: every token's mean is the run token's value.
void EraWorld::attend_limit(const Attention& a, const Block& q, const Block& k, const Block& v, Memory& memory, Block& mixed) const {
  const long bits = taylor_.bits();
  Ball scale;
  set_root(scale, a.scale, bits);
  memory.key = midpoints_of_column(k, 0);
  memory.value = midpoints_of_column(v, 0);
  memory.viewers = std::vector<RunMemory::Viewer>(tokens(q));
  const std::size_t group = a.heads / a.kv_heads;
  for (std::size_t t = 0; t < tokens(q); ++t) {
    RunMemory::Viewer& viewer = memory.viewers[t];
    viewer.query = midpoints_of_column(q, t);
    viewer.heads.resize(a.heads);
    for (std::size_t i = 0; i < q.rows(); ++i) {
      arb_mul(viewer.query[i], viewer.query[i], scale, bits);
      arb_get_mid_arb(viewer.query[i], viewer.query[i]);
      arb_set(mixed(i, t), v(i / a.head_size / group * a.head_size + i % a.head_size, 0));
    }
  }
}

BallMatrix EraWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  if (a.window || a.softcap || a.rotary) throw std::logic_error("EraWorld::attend: windows, soft-caps and rotary positions are not supported");
  if (!a.alibi.empty() && (several_tokens(extent_) || columns.size() > 1))
    throw std::logic_error("EraWorld::attend: under ALiBi an era has one token, and there is no suffix");
  Block mixed(q.rows(), q.columns());
  if (is_limit()) {
    attend_limit(a, q, k, v, memory, mixed);
    return mixed;
  }
  if (memory.viewers.size() != columns.size()) throw std::logic_error("EraWorld::attend: the limit of the same tokens comes first");
  for_each_index(a.heads, several_tokens(extent_), [&](std::size_t head) { attend_head(a, head, q, k, v, columns[0].position, memory, mixed); });
  return mixed;
}

void EraWorld::forget_era(Memory& memory) {
  for (RunMemory::Viewer& viewer : memory.viewers)
    for (HeadPast& head : viewer.heads) head.forget_era();
}

void EraWorld::add_tokens(const Attention& a, const BallWorld::Memory& tokens, std::size_t count, Memory& memory) const {
  const long bits = taylor_.bits();
  const std::size_t entry_width = a.kv_heads * a.head_size;
  for_each_index(memory.viewers.size() * a.heads, true, [&](std::size_t job) {
    RunMemory::Viewer& viewer = memory.viewers[job / a.heads];
    const std::size_t head = job % a.heads, query_row = head * a.head_size, key_row = head / (a.heads / a.kv_heads) * a.head_size;
    Ball weight, factor;
    for (std::size_t e = 0; e < count; ++e) {
      BallVector key(a.head_size), value(a.head_size);
      arb_zero(weight);
      for (std::size_t i = 0; i < a.head_size; ++i) {
        arb_sub(key[i], tokens.keys[e * entry_width + key_row + i], memory.key[key_row + i], bits);
        arb_sub(value[i], tokens.values[e * entry_width + key_row + i], memory.value[key_row + i], bits);
        arb_addmul(weight, key[i], viewer.query[query_row + i], bits);
      }
      arb_exp(weight, weight, bits);
      if (!a.alibi.empty()) {
        set_alibi_factor(factor, a.alibi[head], static_cast<std::int64_t>(e), bits);
        arb_mul(weight, weight, factor, bits);
      }
      viewer.heads[head].add_token(weight, std::move(key), value, bits);
    }
  });
}

BallMatrix EraWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y(x.rows(), columns.size() * length());
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < columns.size(); ++c) _arb_vec_set(y(i, c * length()), x(i, columns[c] * length()), taylor_.length());
  return y;
}

std::vector<Enclosure> EraWorld::enclosures(const Block& x, std::size_t token) const {
  BallMatrix column(x.rows(), 1);
  for (std::size_t i = 0; i < x.rows(); ++i) taylor_.range(column(i, 0), x(i, token * length()));
  return balls_->enclosures(column, 0);
}

}  // namespace snellen
