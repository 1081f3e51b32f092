#include "lib/world/mlp_norm.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "lib/number/integer_tile.hpp"
#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/attention_norm.hpp"
#include "lib/world/norm_kernels.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t tile = NormKernels::tile, chunk = NormKernels::chunk;
static_assert(tile == tile_side);

std::vector<double> row_norms(std::span<const double> matrix, std::size_t rows) {
  const std::size_t length = matrix.size() / rows;
  std::vector<double> result(rows);
  parallel_for(rows, [&](std::size_t k) { result[k] = euclidean_norm(matrix.subspan(k * length, length)); });
  return result;
}

// Row by row, so that no addend passes more than rows + columns roundings.
double sum_of_squares(const float* matrix, std::size_t rows, std::size_t columns) {
  std::vector<double> sums(rows);
  parallel_for(rows, [&](std::size_t i) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) sum += static_cast<double>(matrix[i * columns + j]) * static_cast<double>(matrix[i * columns + j]);
    sums[i] = sum;
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return x < infinite_bound; });
}

// Roundings of floats that a term of a sum computed by float_tile passes.
double roundings(std::size_t length) { return static_cast<double>(std::min(length, chunk) + length / chunk + 2); }
// (1 + 2^-24)^n - 1 <= n 2^-23 for the n that occur.
constexpr double float_error = 0x1p-23;

// Integers of scaled rows have norms of at most this: the products of two rows stay below 2^31.
constexpr double largest_square = 0x1p31 - 1;
constexpr double largest_entry = 32766;
constexpr int integer_bits = 15;  // what stands for 1

// 2^e for a normal double; a factor, since ldexp is slow.
double power_of_two(int e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); }

// Where the search for a row's unit begins: no finer one fits. Rounding takes at most sqrt(length) / 2 < 2^9 off a norm, which is above 1.02 2^15.5 before it.
int least_exponent(double norm, std::size_t length) {
  int e = std::ilogb(norm) - 1;
  if (norm < 0x1p-200 || length >= std::size_t{1} << 20) return e;
  while (norm * power_of_two(integer_bits - e) > 1.02 * 0x1.6a09e667f3bcdp15) ++e;
  return e;
}

// wholes = row times unit, rounded to integers, lost = what that left out; returns the sum of their squares, or infinity where one is beyond largest_entry.
// In lanes, so that the processor's vectors serve; the squares' sums are integers below 2^53, exact.
SNELLEN_MULTIVERSION double round_row(const double* row, double unit, std::size_t length, std::int16_t* wholes, double* lost) {
  constexpr std::size_t lanes = 8;
  double most[lanes] = {}, squares[lanes] = {};
  const auto in_lanes = [length](const auto& step) __attribute__((always_inline)) {
    std::size_t m = 0;
    for (; m + lanes <= length; m += lanes)
      for (std::size_t l = 0; l < lanes; ++l) step(m + l, l);
    for (std::size_t l = 0; m < length; ++m, ++l) step(m, l);
  };
  in_lanes([&](std::size_t m, std::size_t l) __attribute__((always_inline)) {
    const double size = std::fabs(row[m] * unit);
    most[l] = size > most[l] ? size : most[l];
  });
  if (*std::max_element(most, most + lanes) > largest_entry) return infinite_bound;
  in_lanes([&](std::size_t m, std::size_t l) __attribute__((always_inline)) {
    const double scaled = row[m] * unit;
    const auto whole = static_cast<std::int32_t>(scaled + std::copysign(0.5, scaled));
    wholes[m] = static_cast<std::int16_t>(whole), lost[m] = scaled - whole;
    squares[l] += static_cast<double>(whole) * whole;
  });
  return std::accumulate(squares, squares + lanes, 0.0);
}

// A second one saves 0.04 bits a layer of SmolLM2 and takes a twelfth of the time; without the first, a layer costs 0.3 bits more.
constexpr std::size_t most_references = 1;
// A reference costs as much as many tokens do: none that makes the worst token's bound less than an eighth smaller.
constexpr double least_gain = 1.125;

std::size_t panels_of(std::size_t count) { return (count + tile - 1) / tile; }

}  // namespace

MlpNorm::MlpNorm(const Tensor& down, TensorPtr gate, TensorPtr up, std::span<const double> weights, std::size_t most_gram_bytes)
    : down_(down), gate_(std::move(gate)), up_(std::move(up)), weights_(weights.begin(), weights.end()), hidden_(down.columns()), out_(down.rows()), in_(gate_->columns()) {
  if (gate_->rows() != hidden_ || (up_ && (up_->rows() != hidden_ || up_->columns() != in_)) || (!weights_.empty() && weights_.size() != in_))
    throw std::logic_error("MlpNorm: the matrices' shapes do not match");
  std::vector<double> columns(out_ * hidden_);
  {
    const std::vector<double> rows = read_all(down);
    for (const double x : rows) largest_down_ = std::max(largest_down_, std::fabs(x));
    parallel_for(panels_of(hidden_), [&](std::size_t panel) {  // some columns at a time, which share what the cache holds
      const std::size_t first = panel * tile, last = std::min(hidden_, first + tile);
      for (std::size_t i = 0; i < out_; ++i)
        for (std::size_t k = first; k < last; ++k) columns[k * out_ + i] = rows[i * hidden_ + k];
    });
  }
  const std::vector<double> first = folded(*gate_, weights_), second = up_ ? folded(*up_, weights_) : std::vector<double>();
  down_columns_ = row_norms(columns, hidden_), gate_rows_ = row_norms(first, hidden_);
  if (up_) up_rows_ = row_norms(second, hidden_);
  down_norm_ = euclidean_norm(down_columns_);
  fits_ = all_finite(down_columns_) && all_finite(gate_rows_) && all_finite(up_rows_) && down_norm_ < infinite_bound;
  if (!fits_) return;
  scaled_down_ = scaled_rows(columns, out_), scaled_gate_ = scaled_rows(first, in_);
  if (up_) scaled_up_ = scaled_rows(second, in_);

  const std::size_t panels = panels_of(hidden_), tiles = panels * (panels + 1) / 2 * (up_ ? 4 : 1);
  if (tiles > most_gram_bytes / sizeof(Tile)) return;
  std::vector<Tile> gram(tiles);
  parallel_for(panels, [&](std::size_t k) {
    for (std::size_t l = k; l < panels; ++l) gram_tiles(gram.data() + first_gram_tile(k, l), k, l);
  });
  gram_ = std::move(gram);
  for (ScaledRows* rows : {&scaled_down_, &scaled_gate_, &scaled_up_}) rows->values = {};
}

std::shared_ptr<const MlpNorm> MlpNorm::of(const Tensor& down, const TensorPtr& gate, const TensorPtr& up, std::span<const double> weights) {
  return down.derived().get<MlpNorm>(
      [&](const MlpNorm& kept) { return kept.gate_ == gate && kept.up_ == up && std::ranges::equal(kept.weights_, weights); },
      [&] { return MlpNorm(down, gate, up, weights); });
}

std::size_t MlpNorm::bytes() const {
  std::size_t sum = sizeof *this + gram_.size() * sizeof(Tile) + (weights_.size() + down_columns_.size() + gate_rows_.size() + up_rows_.size()) * sizeof(double);
  for (const ScaledRows* rows : {&scaled_down_, &scaled_gate_, &scaled_up_})
    sum += rows->values.size() * sizeof(std::int16_t) + rows->exponents.size() * (sizeof(int) + 2 * sizeof(double));
  return sum;
}

std::size_t MlpNorm::first_gram_tile(std::size_t k, std::size_t l) const {
  const std::size_t panels = panels_of(hidden_);
  return (k * panels - k * (k + 1) / 2 + l) * (up_ ? 4 : 1);
}

std::size_t MlpNorm::gram_tiles(Tile* tiles, std::size_t k, std::size_t l) const {
  constexpr float unit = 1.0F / (std::int64_t{1} << 4 * integer_bits);
  std::array<std::int32_t, tile * tile> outer, inner;
  const auto panel = [](const ScaledRows& rows, std::size_t i) { return rows.values.data() + i * rows.pairs * 2 * tile; };
  integer_tile(outer.data(), panel(scaled_down_, k), panel(scaled_down_, l), scaled_down_.pairs);
  std::size_t count = 0;
  const auto add = [&](const ScaledRows& left, const ScaledRows& right) {
    integer_tile(inner.data(), panel(left, k), panel(right, l), left.pairs);
    Tile& product = tiles[count++];
    for (std::size_t i = 0; i < tile * tile; ++i) product[i] = static_cast<float>(outer[i]) * static_cast<float>(inner[i]) * unit;
  };
  add(scaled_gate_, scaled_gate_);
  if (up_) add(scaled_gate_, scaled_up_), add(scaled_up_, scaled_gate_), add(scaled_up_, scaled_up_);
  return count;
}

MlpNorm::ScaledRows MlpNorm::scaled_rows(std::span<const double> rows, std::size_t length) const {
  const std::size_t pairs = (length + 1) / 2;
  ScaledRows result{pairs, std::vector<std::int16_t>(panels_of(hidden_) * pairs * 2 * tile), std::vector<int>(hidden_), std::vector<double>(hidden_),
                    std::vector<double>(hidden_)};
  parallel_for(panels_of(hidden_), [&](std::size_t panel) {
    std::vector<double> lost(length);
    std::vector<std::int16_t> wholes(length);
    for (std::size_t k = panel * tile; k < std::min(hidden_, (panel + 1) * tile); ++k) {
      const auto row = rows.subspan(k * length, length);
      // The finest unit with which the integers fit: a norm of 2^15.4 at most, or an entry of 2^15 - 1.
      double square;
      for (result.exponents[k] = least_exponent(euclidean_norm(row), length);; ++result.exponents[k]) {
        square = round_row(row.data(), power_of_two(integer_bits - result.exponents[k]), length, wholes.data(), lost.data());
        if (square <= largest_square) break;
      }
      std::int16_t* place = result.values.data() + panel * pairs * 2 * tile + 2 * (k % tile);
      for (std::size_t m = 0; m < length; ++m) place[(m / 2) * 2 * tile + m % 2] = wholes[m];
      result.sizes[k] = std::ldexp(upward(std::sqrt(square)), -integer_bits);
      result.losses[k] = std::ldexp(euclidean_norm(lost), -integer_bits);
    }
  });
  return result;
}

std::vector<double> MlpNorm::frobenius_norms(std::span<const double> a, std::span<const double> b, std::size_t count) const {
  const bool gated = up_ != nullptr;
  std::vector<double> result(count, infinite_bound);
  if (!fits_ || count == 0) return result;

  // alpha_k = a_k 2^(exponents) / 2^largest, in [-1, 1]: first pair by pair, since threads that write side by side wait for each other's cache lines.
  std::vector<float> alpha_of(count * hidden_), beta_of(gated ? alpha_of.size() : 0);
  std::vector<int> largest(count);
  std::vector<char> moderate(count);
  std::vector<double> crude(count);  // sum_k (|alpha_k| |G_k| + |beta_k| |U_k|) |D_k| of the integers
  std::vector<double> lost(count);   // at least the norm of what the integers leave out: sum_k |alpha_k| |D_k G_k^T - the integers'| and the same of U
  // 2^(exponents): between 2^-490 and 2^240, for the rows' norms are moderate.
  const auto shifts = [&](const ScaledRows& rows) {
    std::vector<double> result(rows.exponents.size());
    for (std::size_t k = 0; k < result.size(); ++k) result[k] = power_of_two(scaled_down_.exponents[k] + rows.exponents[k]);
    return result;
  };
  const std::vector<double> gate_shifts = shifts(scaled_gate_), up_shifts = shifts(scaled_up_);
  parallel_for(count, [&](std::size_t t) {
    const auto x = a.subspan(t * hidden_, hidden_), y = gated ? b.subspan(t * hidden_, hidden_) : std::span<const double>();
    moderate[t] = are_moderate(x) && are_moderate(y);
    if (!moderate[t]) return;
    double most = 0x1p-200;
    for (std::size_t k = 0; k < hidden_; ++k) {
      most = std::max(most, std::fabs(x[k] * gate_shifts[k]));
      if (gated) most = std::max(most, std::fabs(y[k] * up_shifts[k]));
    }
    largest[t] = std::ilogb(most) + 1;
    const double down = power_of_two(-largest[t]);
    double size = 0, loss = 0;
    const auto put = [&](std::vector<float>& place, std::size_t k, double value, const ScaledRows& rows) {
      const double scaled = value * down;
      place[t * hidden_ + k] = static_cast<float>(scaled);
      size += std::fabs(scaled) * scaled_down_.sizes[k] * rows.sizes[k];
      loss += std::fabs(scaled) * (scaled_down_.losses[k] * (rows.sizes[k] + rows.losses[k]) + scaled_down_.sizes[k] * rows.losses[k]);
    };
    for (std::size_t k = 0; k < hidden_; ++k) {
      put(alpha_of, k, x[k] * gate_shifts[k], scaled_gate_);
      if (gated) put(beta_of, k, y[k] * up_shifts[k], scaled_up_);
    }
    crude[t] = upward(size), lost[t] = upward(loss);
  });
  // [hidden, in whole panels][padded], so that pairs lie side by side.
  const std::size_t panels = panels_of(hidden_), padded = (count + tile - 1) / tile * tile;
  std::vector<float> alpha(panels * tile * padded), beta(gated ? alpha.size() : 0);
  parallel_for(panels, [&](std::size_t panel) {
    for (std::size_t k = panel * tile; k < std::min(hidden_, (panel + 1) * tile); ++k)
      for (std::size_t t = 0; t < count; ++t) {
        alpha[k * padded + t] = alpha_of[t * hidden_ + k];
        if (gated) beta[k * padded + t] = beta_of[t * hidden_ + k];
      }
  });

  const NormKernels& kernels = norm_kernels();
  // Row of tiles k: its sums over l >= k; whoever computes it, the additions have one order.
  std::vector<double> partial(panels * count);
  parallel_for(panels, [&](std::size_t k) {
    std::array<Tile, 4> computed;
    std::vector<float> sums(padded);
    for (std::size_t l = k; l < panels; ++l) {
      std::fill(sums.begin(), sums.end(), 0.0F);
      const Tile* tiles = computed.data();
      if (gram_.empty()) gram_tiles(computed.data(), k, l);
      else tiles = gram_.data() + first_gram_tile(k, l);
      const auto add = [&](const Tile& factors, const std::vector<float>& x, const std::vector<float>& y) {
        kernels.add_forms(sums.data(), factors.data(), x.data() + k * tile * padded, y.data() + l * tile * padded, padded);
      };
      add(tiles[0], alpha, alpha);
      if (gated) add(tiles[1], alpha, beta), add(tiles[2], beta, alpha), add(tiles[3], beta, beta);
      for (std::size_t t = 0; t < count; ++t) partial[k * count + t] += (l == k ? 1 : 2) * static_cast<double>(sums[t]);
    }
  });

  // Relative to the sum of the terms' absolute values, which is at most crude^2: every term passes the conversions of two factors and of two integers, and
  // 2 tile + 10 more operations. What underflows is below 2^-149 each.
  constexpr double relative = (2 * tile + 16) * float_error;
  for (std::size_t t = 0; t < count; ++t) {
    if (!moderate[t]) continue;
    double sum = 0;
    for (std::size_t k = 0; k < panels; ++k) sum += partial[k * count + t];
    const double square = upward(std::max(sum, 0.0) + (relative + 0x1p-40) * crude[t] * crude[t] + 0x1p-60);
    result[t] = upward(std::ldexp(upward(std::sqrt(square)) + lost[t], largest[t]));
  }
  return result;
}

// entry(i, m): entry m of vector i. What is absent in the last panel is zero. Threads touch a panel's memory first, as they do in what follows.
template <class Entry>
MlpNorm::Panels MlpNorm::panels(std::size_t vectors, std::size_t length, const Entry& entry) {
  Panels result{length, std::make_unique_for_overwrite<float[]>(panels_of(vectors) * length * tile)};
  parallel_for(panels_of(vectors), [&](std::size_t panel) {
    float* place = result.values.get() + panel * length * tile;
    const std::size_t there = std::min(tile, vectors - panel * tile);
    for (std::size_t m = 0; m < length; ++m)
      for (std::size_t i = 0; i < tile; ++i) *place++ = i < there ? entry(panel * tile + i, m) : 0;
  });
  return result;
}

//                                                                                                             -> [rows, columns]
std::unique_ptr<float[]> MlpNorm::products(const Panels& x, const Panels& y, std::size_t rows, std::size_t columns, bool symmetric) {
  auto result = std::make_unique_for_overwrite<float[]>(rows * columns);
  const NormKernels& kernels = norm_kernels();
  parallel_for(panels_of(rows), [&](std::size_t k) {
    std::array<float, tile * tile> sums;
    for (std::size_t l = symmetric ? k : 0; l < panels_of(columns); ++l) {
      kernels.float_tile(sums.data(), x.values.get() + k * x.length * tile, y.values.get() + l * y.length * tile, x.length);
      for (std::size_t i = 0; i < tile && k * tile + i < rows; ++i)
        for (std::size_t j = 0; j < tile && l * tile + j < columns; ++j) {
          result[(k * tile + i) * columns + l * tile + j] = sums[i * tile + j];
          if (symmetric) result[(l * tile + j) * columns + k * tile + i] = sums[i * tile + j];
        }
    }
  });
  return result;
}

double MlpNorm::operator_norm(std::span<const double> a, std::span<const double> b) const {
  if (!fits_ || !are_moderate(a) || !are_moderate(b)) return infinite_bound;
  // D / 2^e and B / 2^f, B = diag(a) G + diag(b) U, entries within [-1, 1]; as panels of rows of D and of columns of B.
  const auto inner = std::make_unique_for_overwrite<double[]>(hidden_ * in_);  // threads touch its memory first
  std::vector<double> largest(hidden_);                                       // of each row of B
  parallel_for(hidden_, [&](std::size_t k) {
    const std::span row(inner.get() + k * in_, in_);
    gate_->read_row(k, row);
    for (std::size_t j = 0; j < in_; ++j) row[j] = a[k] * (weights_.empty() ? row[j] : row[j] * weights_[j]);
    if (up_) {
      std::vector<double> second(in_);
      up_->read_row(k, second);
      for (std::size_t j = 0; j < in_; ++j) row[j] += b[k] * (weights_.empty() ? second[j] : second[j] * weights_[j]);
    }
    double most = 0;
    for (std::size_t j = 0; j < in_; ++j) most = std::max(most, std::fabs(row[j]));
    largest[k] = most;
  });
  double most_inner = 0x1p-200;
  for (const double x : largest) most_inner = std::max(most_inner, x);
  const int e = std::ilogb(largest_down_) + 1, f = std::ilogb(most_inner) + 1;
  const double down_unit = std::ldexp(1.0, -e), inner_unit = std::ldexp(1.0, -f);
  const auto outer = std::make_unique_for_overwrite<double[]>(out_ * hidden_);
  parallel_for(out_, [&](std::size_t i) { down_.read_row(i, {outer.get() + i * hidden_, hidden_}); });
  const Panels rows = panels(out_, hidden_, [&](std::size_t i, std::size_t k) { return static_cast<float>(outer[i * hidden_ + k] * down_unit); });
  const Panels columns = panels(in_, hidden_, [&](std::size_t j, std::size_t k) { return static_cast<float>(inner[k * in_ + j] * inner_unit); });
  const auto jacobian = products(rows, columns, out_, in_, false);
  // |J - computed|_F <= error, by | |D| |B| |_F <= sum_k |D_k| |B_k|, B_k off by two roundings of doubles.
  double crude = 0;
  for (std::size_t k = 0; k < hidden_; ++k) crude += down_columns_[k] * (std::fabs(a[k]) * gate_rows_[k] + (up_ ? std::fabs(b[k]) * up_rows_[k] : 0));
  const double error = upward((roundings(hidden_) + 4) * float_error * crude + std::ldexp(0x1p-90, e + f));
  const double frobenius = upward(std::sqrt(sum_of_squares(jacobian.get(), out_, in_)));

  // |J|_2^2 <= |S|_2 + error of S = J J^T, |S|_2^2 <= |S^2|_F + error of S^2, with J scaled to a Frobenius norm in [1/2, 1].
  const int g = std::ilogb(frobenius) + 1;
  if (std::abs(g) > 100) return upward(std::ldexp(frobenius, e + f) + error);
  const float unit = std::ldexp(1.0F, -g);
  const Panels once = panels(out_, in_, [&](std::size_t i, std::size_t m) { return jacobian[i * in_ + m] * unit; });
  const auto square = products(once, once, out_, out_, true);
  const Panels twice = panels(out_, out_, [&](std::size_t i, std::size_t m) { return square[i * out_ + m]; });
  const auto fourth = products(twice, twice, out_, out_, true);
  const double square_size = sum_of_squares(square.get(), out_, out_), fourth_size = sum_of_squares(fourth.get(), out_, out_);
  const double fourth_error = roundings(out_) * float_error * square_size + 0x1p-90, square_error = roundings(in_) * float_error + 0x1p-90;
  const double bound = upward(std::sqrt(upward(std::sqrt(upward(std::sqrt(fourth_size) + fourth_error)) + square_error)));
  return upward(std::ldexp(std::min(bound, 1.0), g + e + f) + error);
}

// Greedily: the token whose Jacobian matters most under what is chosen so far, where |J|_F^2 is taken to be sum_k |D_k|^2 (a_k^2 |G_k|^2 + b_k^2 |U_k|^2), of
// differences too, and |J_r|_2 to be |J_r|_F / 4. Any choice is valid.
std::vector<std::size_t> MlpNorm::choose_references(std::span<const double> a, std::span<const double> b, std::span<const double> importance) const {
  const std::size_t count = importance.size();
  std::vector<std::size_t> chosen;
  std::vector<double> best(count), distance(count);
  const auto measure = [&](std::vector<double>& result, std::optional<std::size_t> minus) {
    parallel_for(count, [&](std::size_t t) {
      double sum = 0;
      for (std::size_t k = 0; k < hidden_; ++k) {
        const double x = (a[t * hidden_ + k] - (minus ? a[*minus * hidden_ + k] : 0)) * gate_rows_[k];
        const double y = up_ ? (b[t * hidden_ + k] - (minus ? b[*minus * hidden_ + k] : 0)) * up_rows_[k] : 0;
        sum += down_columns_[k] * down_columns_[k] * (x * x + y * y);
      }
      result[t] = std::sqrt(sum);
    });
  };
  measure(best, std::nullopt);
  const auto matters = [&](std::size_t t) { return importance[t] < infinite_bound ? importance[t] * best[t] : 0; };
  const std::vector<double> own = best;
  while (chosen.size() < std::min(count / 8, most_references)) {
    std::size_t next = 0;
    for (std::size_t t = 1; t < count; ++t)
      if (matters(t) > matters(next)) next = t;
    if (std::find(chosen.begin(), chosen.end(), next) != chosen.end()) break;
    const double worst = matters(next);
    measure(distance, next);
    for (std::size_t t = 0; t < count; ++t) best[t] = std::min(best[t], distance[t] + own[next] / 4);
    double left = 0;
    for (std::size_t t = 0; t < count; ++t) left = std::max(left, matters(t));
    if (!(worst > least_gain * left)) break;
    chosen.push_back(next);
  }
  return chosen;
}

std::vector<double> MlpNorm::norms(std::span<const double> a, std::span<const double> b, std::span<const double> importance) const {
  const std::size_t count = importance.size();
  if (!fits_) return std::vector<double>(count, infinite_bound);
  const std::vector<std::size_t> references = choose_references(a, b, importance);
  // The pairs, then their differences to each reference: a rounding of doubles is far below what floats lose, and counted there.
  const auto with_differences = [&](std::span<const double> x) {
    std::vector<double> all(x.begin(), x.end());
    all.resize(x.size() * (1 + references.size()));
    for (std::size_t i = 0; i < references.size() && !x.empty(); ++i)
      parallel_for(count, [&](std::size_t t) {
        for (std::size_t k = 0; k < hidden_; ++k) all[((i + 1) * count + t) * hidden_ + k] = x[t * hidden_ + k] - x[references[i] * hidden_ + k];
      });
    return all;
  };
  const std::vector<double> all_a = with_differences(a), all_b = with_differences(b);
  std::vector<double> result = frobenius_norms(all_a, all_b, count * (1 + references.size()));
  for (std::size_t i = 0; i < references.size(); ++i) {
    const std::size_t r = references[i] * hidden_;
    const double reference = operator_norm(a.subspan(r, hidden_), b.empty() ? b : b.subspan(r, hidden_));
    for (std::size_t t = 0; t < count; ++t) result[t] = std::min(result[t], upward(reference + result[(i + 1) * count + t]));
  }
  result.resize(count);
  return result;
}

}  // namespace snellen
