#include "lib/world/attention_norm.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/exponential.hpp"
#include "lib/number/multiversion.hpp"
#include "lib/number/operator_norm.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/norm_kernels.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

using Vector = std::vector<double>;

// A weight of attention is taken to be at least this: what a softmax loses when its terms underflow.
constexpr double least_weight = 0x1p-200;
// Weights below this are left out of the covariance.
constexpr double small_weight = 0x1p-60;

// Tokens that a product of matrices takes at a time, so that what it loads serves several of them. No sum's order depends on it.
constexpr std::size_t block = NormKernels::block;

// y += A x for A [rows, columns] given by its columns: [columns][rows]. Some rows at a time, whose sums stay in registers.
SNELLEN_MULTIVERSION void add_product(double* y, const double* a, const double* x, std::size_t rows, std::size_t columns) {
  constexpr std::size_t at_once = 32;
  std::size_t i = 0;
  for (; i + at_once <= rows; i += at_once) {
    double sum[at_once];
    for (std::size_t l = 0; l < at_once; ++l) sum[l] = y[i + l];
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t l = 0; l < at_once; ++l) sum[l] += a[j * rows + i + l] * x[j];
    for (std::size_t l = 0; l < at_once; ++l) y[i + l] = sum[l];
  }
  for (; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) y[i] += a[j * rows + i] * x[j];
}

// Sums in eight lanes, so that the processor's vectors serve without changing the order.
SNELLEN_MULTIVERSION double dot(const double* x, const double* y, std::size_t n) {
  double lanes[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t l = 0; l < 8; ++l) lanes[l] += x[i + l] * y[i + l];
  for (; i < n; ++i) lanes[0] += x[i] * y[i];
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

// Near |x|. Squares that underflow may take up to 2^-537 sqrt(n) from it, however much it is multiplied by later: less than the 2^-480 and more that the upward() of both factors in
// `o_error` times a norm, and in a norm times a root's rest, which stand beside it, leave.
double length_of(std::span<const double> x) { return std::sqrt(dot(x.data(), x.data(), x.size())); }

Vector columns_of(const Vector& rows, std::size_t n) {
  Vector result(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) result[j * n + i] = rows[i * n + j];
  return result;
}

// cos and sin of the rotations of some positions, within 2^-50.
class Turns {
 public:
  Turns(const std::optional<Rotary>& rotary, std::span<const std::int64_t> positions) : half_(rotary ? rotary->dimensions / 2 : 0) {
    table_.resize(positions.size() * 2 * half_);
    Ball frequency, cosine, sine;
    for (std::size_t f = 0; f < half_; ++f) {
      set_frequency(frequency, rotary->base, f, rotary->dimensions, 160);
      for (std::size_t j = 0; j < positions.size(); ++j) {
        arb_mul_si(sine, frequency, positions[j], 160);
        arb_sin_cos(sine, cosine, sine, 64);
        table_[(j * half_ + f) * 2] = arf_get_d(arb_midref(static_cast<arb_ptr>(cosine)), ARF_RND_NEAR);
        table_[(j * half_ + f) * 2 + 1] = arf_get_d(arb_midref(static_cast<arb_ptr>(sine)), ARF_RND_NEAR);
      }
    }
  }
  // x -> R_j^T x, or R_j x.
  void back(double* x, std::size_t j) const { turn(x, j, -1); }
  void forth(double* x, std::size_t j) const { turn(x, j, 1); }

 private:
  void turn(double* x, std::size_t j, double sign) const {
    const double* row = table_.data() + j * half_ * 2;
    for (std::size_t f = 0; f < half_; ++f) {
      const double a = x[f], b = x[f + half_], cosine = row[2 * f], sine = sign * row[2 * f + 1];
      x[f] = a * cosine - b * sine, x[f + half_] = b * cosine + a * sine;
    }
  }
  std::size_t half_;
  Vector table_;
};

double root_near(const Root& root) { return root.inverse ? 1 / std::sqrt(root.radicand) : std::sqrt(root.radicand); }

// What the weights say of each head, once for all tokens.
struct HeadNorms {
  Gram output;          // of O_h
  SquareRoot root;      // of it
  Vector root_columns;
  double mixed = 0;     // at least |O_h V_h|_2
};
struct MapNorms {
  Gram gram;            // of the rows
  SquareRoot root;
  Vector root_columns;
  MapNorms() = default;
  MapNorms(const double* rows, std::size_t n, std::size_t length)
      : gram(gram_of_rows(rows, n, length, length)), root(square_root(gram)), root_columns(columns_of(root.rows, n)) {}
};

// What the weights of a branch say, kept with the output matrix.
struct BranchNorms {
  BranchNorms(const AttentionBranch& b, const Tensor& output_matrix)
      : query_matrix(b.query), key_matrix(b.key), value_matrix(b.value), source(b.source), heads(b.attention.heads), kv_heads(b.attention.kv_heads),
        size(b.attention.head_size), query(folded(*b.query, b.source)) {
    const std::size_t width = output_matrix.rows(), inner = b.query->columns();
    const Vector output = folded(output_matrix, {});
    const Vector key = folded(*b.key, b.source), value = folded(*b.value, b.source);
    moderate = are_moderate(output) && are_moderate(query) && are_moderate(key) && are_moderate(value);
    if (!moderate) return;
    output_columns.resize(output.size());
    for (std::size_t r = 0; r < width; ++r)
      for (std::size_t d = 0; d < heads * size; ++d) output_columns[d * width + r] = output[r * heads * size + d];
    std::vector<Gram> values(kv_heads);
    by_key.resize(kv_heads), by_query.resize(heads), by_head.resize(heads);
    parallel_for(kv_heads, [&](std::size_t g) {
      by_key[g] = MapNorms(key.data() + g * size * inner, size, inner);
      values[g] = gram_of_rows(value.data() + g * size * inner, size, inner, inner);
    });
    parallel_for(heads, [&](std::size_t h) {
      by_query[h] = MapNorms(query.data() + h * size * inner, size, inner);
      HeadNorms norms{gram_of_columns(output.data() + h * size, width, size, heads * size), {}, {}, 0};
      norms.root = square_root(norms.output);
      norms.root_columns = columns_of(norms.root.rows, size);
      norms.mixed = product_norm(norms.output, values[h / (heads / kv_heads)]);
      by_head[h] = std::move(norms);
    });
  }
  static std::shared_ptr<const BranchNorms> of(const AttentionBranch& b, const Tensor& output) {
    return output.derived().get<BranchNorms>(
        [&](const BranchNorms& kept) {
          return kept.query_matrix == b.query && kept.key_matrix == b.key && kept.value_matrix == b.value && kept.source == b.source && kept.heads == b.attention.heads &&
                 kept.kv_heads == b.attention.kv_heads && kept.size == b.attention.head_size;
        },
        [&] { return BranchNorms(b, output); });
  }
  std::size_t bytes() const {
    return sizeof *this + (output_columns.size() + query.size() + source.size() + 3 * size * size * (by_key.size() + by_query.size() + by_head.size())) * sizeof(double);
  }

  TensorPtr query_matrix, key_matrix, value_matrix;
  Vector source;
  std::size_t heads, kv_heads, size;
  Vector output_columns;  // [heads * size][width]
  Vector query;           // with the source's weights
  bool moderate = false;
  std::vector<HeadNorms> by_head;
  std::vector<MapNorms> by_query, by_key;
};

class Bound {
 public:
  Bound(const AttentionBranch& branch, const Tensor& output)
      : b_(branch), a_(branch.attention), size_(a_.head_size), norms_(BranchNorms::of(branch, output)), width_(output.rows()), inner_(branch.query->columns()),
        turns_(a_.rotary, branch.past->positions), scale_(root_near(a_.scale)), moderate_(norms_->moderate && is_moderate(scale_)) {
    if (!moderate_) return;
    for (std::size_t h = 0; h < a_.alibi.size(); ++h)
      slopes_.push_back(near_exp(-static_cast<double>(a_.alibi[h].numerator) / static_cast<double>(a_.alibi[h].denominator) * 0x1.62e42fefa39efp-1));

    // L_h v_j, so that |O_h (v_j - o_i)| is a distance of two of them.
    const std::size_t entries = b_.past->moves.size();
    rooted_ = std::make_unique_for_overwrite<double[]>(entries * a_.heads * size_);
    key_norms_.resize(entries * a_.kv_heads), value_norms_.resize(entries * a_.kv_heads);
    parallel_for(entries, [&](std::size_t j) {
      for (std::size_t g = 0; g < a_.kv_heads; ++g) {
        const std::size_t slot = j * a_.kv_heads + g;
        key_norms_[slot] = length_of({b_.past->keys.values.data() + slot * size_, size_});
        value_norms_[slot] = length_of({b_.past->values.values.data() + slot * size_, size_});
      }
      std::fill_n(rooted(j, 0), a_.heads * size_, 0.0);
      for (std::size_t h = 0; h < a_.heads; ++h)
        add_product(rooted(j, h), norms_->by_head[h].root_columns.data(), value_of(j, h), size_, size_);
    });
  }

  // How much each token seen moves one column's output, for each unit that its n_j moves; infinite where doubles do not serve.
  struct Row {
    View view;
    Vector values, keys;  // by place in the view
    double own = infinite_bound;
  };
  template <class Use>
  void for_each_row(std::span<const double> moves, const Use& use) const {
    const std::size_t columns = b_.columns.size();
    parallel_for((columns + block - 1) / block, [&](std::size_t part) {
      std::vector<Row> rows;
      std::vector<Directions> directions(block);
      for (std::size_t i = part * block; i < std::min(columns, (part + 1) * block); ++i) rows.push_back(row(i, moves, directions[i - part * block]));
      add_dominating(rows, directions);
      for (std::size_t r = 0; r < rows.size(); ++r) use(part * block + r, rows[r]);
    });
  }

 private:
  std::size_t group(std::size_t h) const { return h / (a_.heads / a_.kv_heads); }
  double* rooted(std::size_t j, std::size_t h) { return rooted_.get() + (j * a_.heads + h) * size_; }
  const double* rooted(std::size_t j, std::size_t h) const { return rooted_.get() + (j * a_.heads + h) * size_; }
  const double* value_of(std::size_t j, std::size_t h) const { return b_.past->values.values.data() + (j * a_.kv_heads + group(h)) * size_; }
  const double* key_of(std::size_t j, std::size_t h) const { return b_.past->keys.values.data() + (j * a_.kv_heads + group(h)) * size_; }

  // Of one column, the dominating part of what its query does: C_h near left_h right_h^T, each head's.
  struct Directions {
    Vector left, right;  // [heads][size], u and w; empty where there are none
  };
  Row row(std::size_t i, std::span<const double> moves, Directions& directions) const;
  // The matrices' products with several columns' directions at a time, so that what they load serves all.
  void add_dominating(std::vector<Row>& rows, const std::vector<Directions>& directions) const;
  Row unknown(const View& view) const { return {view, Vector(view.size(), infinite_bound), Vector(view.size(), infinite_bound), infinite_bound}; }

  const AttentionBranch& b_;
  const Attention& a_;
  std::size_t size_;
  std::shared_ptr<const BranchNorms> norms_;
  std::size_t width_, inner_;
  Turns turns_;
  double scale_;
  bool moderate_;
  Vector slopes_;
  std::unique_ptr<double[]> rooted_;  // [entries][heads][size]
  Vector key_norms_, value_norms_;    // [entries][kv_heads], near
};

// What the n-th token seen moves o_i by, through its value and its key: factor (mixed + scale off towards).
struct Pair {
  std::size_t n;
  double factor, off;  // at least its weight, |O_h (v_j - o_i)|
  double towards;      // at least |K_h^T R_j^T q_i|
};

auto Bound::row(std::size_t i, std::span<const double> moves, Directions& directions) const -> Row {
  const AttentionPast& past = *b_.past;
  const std::size_t self = b_.first + i;
  const View view = visible(b_.columns[i], self, a_.window);
  const std::size_t count = view.size();
  if (!moderate_) return unknown(view);
  // Covers every sum over tokens or over a head's entries, the rounded rotations and the exponentials' errors.
  const double kappa = 0x1p-40 + dot_error(count) + dot_error(size_);

  Vector by_value(count), by_key(count);  // at least the factors of moves_j, for the j-th token seen
  double own = 0;        // of moves_i, by the query
  Vector left, right;
  if (b_.queries.linear) left.resize(a_.heads * size_), right.resize(a_.heads * size_);
  Vector weight(count), mean(size_), rooted_mean(size_), covariance(size_ * size_), x(size_), slope(count);
  Vector turned(block * size_), turned_by_root(block * size_), values(block * size_), keys(block * size_);
  std::vector<Pair> sharper;  // at most a block, whose bound waits for the product of matrices

  for (std::size_t h = 0; h < a_.heads; ++h) {
    const HeadNorms& head = norms_->by_head[h];
    const MapNorms& key = norms_->by_key[group(h)];
    const double* q = b_.queries.values.data() + (i * a_.heads + h) * size_;
    const double q_error = b_.queries.errors[i * a_.heads + h], q_gain = b_.queries.gains[i * a_.heads + h];
    const double q_norm = upward(length_of({q, size_}));
    double k_norm = 0, k_error = 0, v_norm = 0, v_error = 0, distance = 0;
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t j = view.entry(n), slot = j * a_.kv_heads + group(h);
      k_norm = std::max(k_norm, key_norms_[slot]), v_norm = std::max(v_norm, value_norms_[slot]);
      k_error = std::max(k_error, past.keys.errors[slot]), v_error = std::max(v_error, past.values.errors[slot]);
    }
    k_norm = upward(k_norm), v_norm = upward(v_norm);
    if (!is_moderate(q_norm + q_error) || !is_moderate(k_norm + k_error) || !is_moderate(v_norm + v_error)) return unknown(view);

    // Weights, and by how much they can change: each score stays within eta, so each weight within the factor e^(+-2 eta).
    double largest = -INFINITY;
    for (std::size_t n = 0; n < count; ++n) {
      double s = scale_ * dot(q, key_of(view.entry(n), h), size_);
      slope[n] = 1;
      if (a_.softcap) {
        const double t = near_tanh(s / *a_.softcap);
        s = *a_.softcap * t, slope[n] = std::max(0.0, 1 - t * t);
      }
      if (!slopes_.empty()) {
        const auto away = static_cast<double>(b_.columns[i].position - (view.first_position + static_cast<std::int64_t>(n)));
        s -= slopes_[h] * away;
        distance = std::max(distance, slopes_[h] * away);
      }
      weight[n] = s, largest = std::max(largest, s);
    }
    const double cap = a_.softcap ? *a_.softcap : 0;
    const double eta = upward(scale_ * (q_norm * k_error + q_error * (k_norm + k_error)) + kappa * (1 + scale_ * q_norm * k_norm + distance + cap));
    const double exponent = 2 * eta + kappa;
    if (!(exponent <= 0.25)) return unknown(view);
    const double omega = 2 * exponent;  // e^x - 1 <= 2 x for x <= 1
    double mass = 0;
    for (double& w : weight) mass += (w = near_exp(w - largest));
    for (double& w : weight) w = std::max(w / mass, least_weight);

    std::fill(mean.begin(), mean.end(), 0.0), std::fill(rooted_mean.begin(), rooted_mean.end(), 0.0);
    for (std::size_t n = 0; n < count; ++n) {
      const double* v = value_of(view.entry(n), h);
      const double* l = rooted(view.entry(n), h);
      for (std::size_t d = 0; d < size_; ++d) mean[d] += weight[n] * v[d], rooted_mean[d] += weight[n] * l[d];
    }
    const double lost = static_cast<double>(count) * least_weight;
    const double o_error = upward((1.01 * omega + lost + kappa) * v_norm + 1.01 * v_error);

    // Values and keys. The sharper bound of |K_h^T R_j^T q| costs as much as the scores do: not where it could not be seen.
    const double rounding = 2.1 * v_norm * (head.root.rest + kappa * head.root.frobenius);
    const auto add_pair = [&](const Pair& pair, double towards) {
      by_value[pair.n] += pair.factor * head.mixed;
      by_key[pair.n] += pair.factor * (scale_ * pair.off * towards);
    };
    const auto add_block = [&] {
      std::fill(turned_by_root.begin(), turned_by_root.end(), 0.0);
      norm_kernels().add_products(turned_by_root.data(), key.root_columns.data(), turned.data(), size_, size_);
      for (std::size_t b = 0; b < sharper.size(); ++b) {
        const double length = length_of({turned_by_root.data() + b * size_, size_});
        add_pair(sharper[b], std::min(sharper[b].towards, length + q_norm * (key.root.rest + kappa * key.root.frobenius) + key.gram.frobenius * q_error));
      }
      sharper.clear();
    };
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t j = view.entry(n), slot = j * a_.kv_heads + group(h);
      const double* l = rooted(j, h);
      for (std::size_t d = 0; d < size_; ++d) x[d] = l[d] - rooted_mean[d];
      const Pair pair{n, weight[n] * (1 + omega), length_of(x) + rounding + head.output.frobenius * (past.values.errors[slot] + o_error),
                      b_.past->keys.gains[slot] * (q_norm + q_error)};
      const double seen = 0x1p-10 * (head.mixed * moves[j] + moves[self] / static_cast<double>(count)) / pair.factor;
      if (!past.keys.linear || !(pair.towards * scale_ * pair.off * moves[j] > seen)) {
        add_pair(pair, pair.towards);
        continue;
      }
      double* place = turned.data() + sharper.size() * size_;
      std::copy(q, q + size_, place);
      turns_.back(place, j);
      sharper.push_back(pair);
      if (sharper.size() == block) add_block();
    }
    if (!sharper.empty()) add_block();

    // The query: C_h in the coordinates of the root, turned back.
    std::fill(covariance.begin(), covariance.end(), 0.0);
    std::size_t filled = 0;
    for (std::size_t n = 0; n < count; ++n) {
      if (weight[n] >= small_weight) {
        const double factor = scale_ * weight[n] * slope[n];
        const double* l = rooted(view.entry(n), h);
        for (std::size_t d = 0; d < size_; ++d) values[filled * size_ + d] = factor * (l[d] - rooted_mean[d]);
        std::copy_n(key_of(view.entry(n), h), size_, keys.begin() + static_cast<std::ptrdiff_t>(filled * size_));
        ++filled;
      }
      if (filled == block || (n + 1 == count && filled > 0)) {
        std::fill(values.begin() + static_cast<std::ptrdiff_t>(filled * size_), values.end(), 0.0);
        norm_kernels().add_outers(covariance.data(), values.data(), keys.data(), size_);
        filled = 0;
      }
    }
    const double crude = 2.1 * scale_ * v_norm * k_norm;  // at least |C_h|_F
    const double moved = 1.1 * scale_ * ((omega + lost + kappa + (a_.softcap ? 2 * eta / cap : 0)) * 2.1 * v_norm * (k_norm + k_error) +
                                         (v_error + o_error) * (k_norm + k_error) + 2.1 * v_norm * k_error);
    if (!b_.queries.linear) {
      own += (length_of(covariance) + crude * (head.root.rest + 4 * kappa * head.root.frobenius) + head.output.frobenius * moved) * q_gain;
      continue;
    }
    for (std::size_t d = 0; d < size_; ++d) turns_.back(covariance.data() + d * size_, self);
    // Its dominating direction w, by two steps of the power method from the longest row: any w serves.
    std::size_t longest = 0;
    double most = -1;
    for (std::size_t d = 0; d < size_; ++d) {
      const double length = length_of({covariance.data() + d * size_, size_});
      if (length > most) most = length, longest = d;
    }
    Vector w(covariance.begin() + static_cast<std::ptrdiff_t>(longest * size_), covariance.begin() + static_cast<std::ptrdiff_t>((longest + 1) * size_));
    for (int step = 0; step < 3; ++step) {
      const double length = length_of(w);
      if (!(length > 0x1p-100)) {
        std::fill(w.begin(), w.end(), 0.0);
        break;
      }
      for (double& e : w) e /= length;
      if (step == 2) break;
      for (std::size_t d = 0; d < size_; ++d) x[d] = dot(covariance.data() + d * size_, w.data(), size_);
      std::fill(w.begin(), w.end(), 0.0);
      for (std::size_t d = 0; d < size_; ++d)
        for (std::size_t e = 0; e < size_; ++e) w[e] += x[d] * covariance[d * size_ + e];
    }
    // u near C_h R_i w, in the coordinates of values.
    Vector u(size_), forth = w;
    turns_.forth(forth.data(), self);
    for (std::size_t n = 0; n < count; ++n) {
      if (weight[n] < small_weight) continue;
      const double factor = scale_ * weight[n] * slope[n] * dot(key_of(view.entry(n), h), forth.data(), size_);
      const double* v = value_of(view.entry(n), h);
      for (std::size_t d = 0; d < size_; ++d) u[d] += factor * (v[d] - mean[d]);
    }
    const double u_norm = upward(length_of(u));
    std::fill(x.begin(), x.end(), 0.0);
    add_product(x.data(), head.root_columns.data(), u.data(), size_, size_);
    double squares = 0;
    for (std::size_t d = 0; d < size_; d += block) {
      const std::size_t rows = std::min(block, size_ - d);
      for (std::size_t b = 0; b < rows; ++b)
        for (std::size_t e = 0; e < size_; ++e) turned[b * size_ + e] = covariance[(d + b) * size_ + e] - x[d + b] * w[e];
      std::fill(turned_by_root.begin(), turned_by_root.end(), 0.0);
      norm_kernels().add_products(turned_by_root.data(), norms_->by_query[h].root_columns.data(), turned.data(), size_, size_);
      for (std::size_t b = 0; b < rows; ++b) squares += dot(turned_by_root.data() + b * size_, turned_by_root.data() + b * size_, size_);
    }
    const MapNorms& query = norms_->by_query[h];
    own += std::sqrt(squares) + (crude + 1.1 * u_norm) * (head.root.rest * query.gram.frobenius + query.root.rest * head.root.frobenius +
                                                          8 * kappa * head.root.frobenius * query.root.frobenius) +
           head.output.frobenius * moved * query.gram.frobenius;
    own += 4 * kappa * head.output.frobenius * u_norm * query.gram.frobenius;
    std::copy(u.begin(), u.end(), left.begin() + static_cast<std::ptrdiff_t>(h * size_));
    std::copy(w.begin(), w.end(), right.begin() + static_cast<std::ptrdiff_t>(h * size_));
  }
  directions = {std::move(left), std::move(right)};

  for (std::size_t n = 0; n < count; ++n) by_value[n] = upward(by_value[n]), by_key[n] = upward(by_key[n]);
  return {view, std::move(by_value), std::move(by_key), upward(own)};
}

void Bound::add_dominating(std::vector<Row>& rows, const std::vector<Directions>& directions) const {
  if (!moderate_ || !b_.queries.linear) return;
  const std::size_t n = a_.heads;
  Vector x(block * size_), p(n * block * width_), z(n * block * inner_);  // O_h u and w^T Q_h: [heads][block][width or inner]
  const auto gather = [&](Vector Directions::*of, std::size_t h) {
    std::fill(x.begin(), x.end(), 0.0);
    for (std::size_t r = 0; r < rows.size(); ++r)
      if (const Vector& from = directions[r].*of; !from.empty()) std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(h * size_), size_, x.begin() + static_cast<std::ptrdiff_t>(r * size_));
    return x.data();
  };
  for (std::size_t h = 0; h < n; ++h) {
    norm_kernels().add_products(p.data() + h * block * width_, norms_->output_columns.data() + h * size_ * width_, gather(&Directions::left, h), width_, size_);
    norm_kernels().add_products(z.data() + h * block * inner_, norms_->query.data() + h * size_ * inner_, gather(&Directions::right, h), inner_, size_);
  }
  Vector of_p(n * n), of_z(n * n), product(n * n);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (directions[r].left.empty()) continue;
    // |P Z^T|_2^4 is at most the trace of (P^T P Z^T Z)^2.
    const auto left = [&](std::size_t h) { return p.data() + (h * block + r) * width_; };
    const auto right = [&](std::size_t h) { return z.data() + (h * block + r) * inner_; };
    for (std::size_t g = 0; g < n; ++g)
      for (std::size_t h = 0; h < n; ++h) {
        of_p[g * n + h] = dot(left(g), left(h), width_);
        of_z[g * n + h] = dot(right(g), right(h), inner_);
      }
    double left_squares = 0, right_squares = 0;
    for (std::size_t h = 0; h < n; ++h) left_squares += of_p[h * n + h], right_squares += of_z[h * n + h];
    std::fill(product.begin(), product.end(), 0.0);
    for (std::size_t g = 0; g < n; ++g) add_product(product.data() + g * n, of_z.data(), of_p.data() + g * n, n, n);
    double trace = 0;
    for (std::size_t g = 0; g < n; ++g)
      for (std::size_t h = 0; h < n; ++h) trace += product[g * n + h] * product[h * n + g];
    const double both = left_squares * right_squares;
    const double error = dot_error(4 * (width_ + inner_ + n * n));
    rows[r].own = upward(rows[r].own + std::sqrt(std::sqrt(upward(std::max(trace, 0.0) + error * both * both))));
  }
}

}  // namespace

void HeadVectors::append(const HeadVectors& more) {
  heads = more.heads, size = more.size, linear = linear && more.linear;
  values.insert(values.end(), more.values.begin(), more.values.end());
  errors.insert(errors.end(), more.errors.begin(), more.errors.end());
  gains.insert(gains.end(), more.gains.begin(), more.gains.end());
}

std::vector<double> folded(const Tensor& matrix, std::span<const double> weights) {
  std::vector<double> result = read_all(matrix);
  if (weights.empty()) return result;
  for (std::size_t i = 0; i < matrix.rows(); ++i)
    for (std::size_t j = 0; j < matrix.columns(); ++j) result[i * matrix.columns() + j] *= weights[j];
  return result;
}

std::vector<Magnitude> attention_moves(const AttentionBranch& branch, const Tensor& output) {
  const auto& moves = branch.past->moves;
  std::vector<Magnitude> result(branch.columns.size());
  if (std::all_of(moves.begin(), moves.end(), [](const Magnitude& m) { return m.is_zero(); })) return result;
  const RelativeMagnitudes from = relative(moves);
  const Bound bound(branch, output);
  bound.for_each_row(from.values, [&](std::size_t i, const Bound::Row& row) {
    double total = row.own * from.values[branch.first + i];
    for (std::size_t n = 0; n < row.view.size(); ++n) total += (row.values[n] + row.keys[n]) * from.values[row.view.entry(n)];
    result[i] = shifted(magnitude_of(upward(total)), from.exponent);
  });
  return result;
}

AttentionBlockNorms attention_block_norms(const AttentionBranch& branch, const Tensor& output, std::span<const double> slopes) {
  const std::size_t columns = branch.columns.size(), entries = branch.past->positions.size();
  AttentionBlockNorms result{entries, Vector(columns * entries), Vector(columns * entries), Vector(columns)};
  const Bound bound(branch, output);
  bound.for_each_row(slopes, [&](std::size_t i, const Bound::Row& row) {
    result.queries[i] = row.own;
    for (std::size_t n = 0; n < row.view.size(); ++n) {
      result.values[i * entries + row.view.entry(n)] = row.values[n];
      result.keys[i * entries + row.view.entry(n)] = row.keys[n];
    }
  });
  return result;
}

}  // namespace snellen
