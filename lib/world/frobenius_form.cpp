#include "lib/world/frobenius_form.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t tile = 16;    // lanes of a panel: a tile is tile x tile entries of a Gram matrix
constexpr std::size_t chunk = 64;   // terms summed before the sum is added to another

// Eight floats; every operation is one on each of them.
using Lanes = float __attribute__((vector_size(32), aligned(4), may_alias));
constexpr std::size_t lanes = 8;

// sums[i * tile + j] = sum over m < length of x[m * tile + i] y[m * tile + j], in chunks.
SNELLEN_MULTIVERSION void gram_tile(float* sums, const float* x, const float* y, std::size_t length) {
  constexpr std::size_t rows = 4, parts = tile / lanes;  // kept in registers
  for (std::size_t first = 0; first < tile; first += rows) {
    Lanes total[rows][parts] = {};
    for (std::size_t begin = 0; begin < length; begin += chunk) {
      Lanes sum[rows][parts] = {};
      const std::size_t end = std::min(length, begin + chunk);
      for (std::size_t m = begin; m < end; ++m) {
        const auto* columns = reinterpret_cast<const Lanes*>(y + m * tile);
        const Lanes left = columns[0], right = columns[1];
        for (std::size_t i = 0; i < rows; ++i) {
          const float factor = x[m * tile + first + i];
          sum[i][0] += factor * left, sum[i][1] += factor * right;
        }
      }
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t p = 0; p < parts; ++p) total[i][p] += sum[i][p];
    }
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t p = 0; p < parts; ++p) reinterpret_cast<Lanes*>(sums + (first + i) * tile)[p] = total[i][p];
  }
}

// sums[t] += sum over i, j of x[i * count + t] matrix[i * tile + j] y[j * count + t]; count is a multiple of `side`.
constexpr std::size_t side = 2 * lanes;
SNELLEN_MULTIVERSION void add_forms(float* sums, const float* matrix, const float* x, const float* y, std::size_t count) {
  constexpr std::size_t rows = 4;
  for (std::size_t begin = 0; begin < count; begin += side) {
    Lanes total[2] = {};
    for (std::size_t first = 0; first < tile; first += rows) {
      Lanes row[rows][2] = {};
      for (std::size_t j = 0; j < tile; ++j) {
        const auto* values = reinterpret_cast<const Lanes*>(y + j * count + begin);
        const Lanes left = values[0], right = values[1];
        for (std::size_t i = 0; i < rows; ++i) {
          const float factor = matrix[(first + i) * tile + j];
          row[i][0] += factor * left, row[i][1] += factor * right;
        }
      }
      for (std::size_t i = 0; i < rows; ++i) {
        const auto* values = reinterpret_cast<const Lanes*>(x + (first + i) * count + begin);
        total[0] += row[i][0] * values[0], total[1] += row[i][1] * values[1];
      }
    }
    auto* place = reinterpret_cast<Lanes*>(sums + begin);
    place[0] += total[0], place[1] += total[1];
  }
}

std::vector<double> row_norms(std::span<const double> matrix, std::size_t rows) {
  const std::size_t length = matrix.size() / std::max<std::size_t>(rows, 1);
  std::vector<double> result(rows);
  for (std::size_t k = 0; k < rows; ++k) result[k] = euclidean_norm(matrix.subspan(k * length, length));
  return result;
}

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return x < infinite_bound; });
}

}  // namespace

FrobeniusForm::FrobeniusForm(std::span<const double> down, std::span<const double> gate, std::span<const double> up, std::size_t hidden)
    : hidden_(hidden), gate_rows_(row_norms(gate, hidden)), up_rows_(up.empty() ? std::vector<double>() : row_norms(up, hidden)) {
  const std::size_t out = down.size() / std::max<std::size_t>(hidden, 1);
  std::vector<double> transposed(down.size());
  for (std::size_t i = 0; i < out; ++i)
    for (std::size_t k = 0; k < hidden; ++k) transposed[k * out + i] = down[i * hidden + k];
  down_columns_ = row_norms(transposed, hidden);
  down_norm_ = euclidean_norm(down_columns_);
  if (!all_finite(down_columns_) || !all_finite(gate_rows_) || !all_finite(up_rows_)) return;
  down_ = panels(transposed, out);
  gate_ = panels(gate, hidden > 0 ? gate.size() / hidden : 0);
  if (!up.empty()) up_ = panels(up, hidden > 0 ? up.size() / hidden : 0);
}

FrobeniusForm::Panels FrobeniusForm::panels(std::span<const double> rows, std::size_t length) const {
  const std::size_t count = (hidden_ + tile - 1) / tile;
  Panels result{length, std::vector<float>(count * length * tile), std::vector<int>(hidden_), std::vector<double>(hidden_)};
  for (std::size_t k = 0; k < hidden_; ++k) {
    const auto row = rows.subspan(k * length, length);
    const double norm = euclidean_norm(row);
    result.exponents[k] = std::ilogb(norm), result.sizes[k] = std::ldexp(norm, -result.exponents[k]);
    float* place = result.values.data() + (k / tile) * length * tile + k % tile;
    for (std::size_t m = 0; m < length; ++m) place[m * tile] = static_cast<float>(std::ldexp(row[m], -result.exponents[k]));
  }
  return result;
}

std::vector<double> FrobeniusForm::norms(std::span<const double> a, std::span<const double> b, std::size_t count) const {
  const bool gated = !up_rows_.empty();
  std::vector<double> result(count, infinite_bound);
  if (hidden_ == 0 || count == 0) return std::vector<double>(count, 0.0);
  if (down_.values.empty() && down_norm_ > 0 && !all_finite(down_columns_)) return result;
  if (!all_finite(gate_rows_) || !all_finite(up_rows_)) return result;

  // alpha_k = a_k 2^(exponents) / largest, in [-1, 1]; [hidden, in whole panels][padded], so that pairs lie side by side.
  const std::size_t panel_count = (hidden_ + tile - 1) / tile, padded = (count + side - 1) / side * side;
  std::vector<float> alpha(panel_count * tile * padded), beta(gated ? alpha.size() : 0);
  std::vector<int> largest(count);
  std::vector<double> crude(count);  // sum_k (|alpha_k| |G_k| + |beta_k| |U_k|) |D_k| of the scaled rows
  for (std::size_t t = 0; t < count; ++t) {
    double most = 0x1p-200;
    bool moderate = true;
    for (std::size_t k = 0; k < hidden_; ++k) {
      const double x = a[t * hidden_ + k], y = gated ? b[t * hidden_ + k] : 0;
      moderate = moderate && is_moderate(x) && is_moderate(y);
      most = std::max({most, std::fabs(std::ldexp(x, down_.exponents[k] + gate_.exponents[k])),
                       gated ? std::fabs(std::ldexp(y, down_.exponents[k] + up_.exponents[k])) : 0.0});
    }
    if (!moderate) {
      largest[t] = 10000;
      continue;
    }
    largest[t] = std::ilogb(most) + 1;
    for (std::size_t k = 0; k < hidden_; ++k) {
      const double x = std::ldexp(a[t * hidden_ + k], down_.exponents[k] + gate_.exponents[k] - largest[t]);
      alpha[k * padded + t] = static_cast<float>(x);
      crude[t] += std::fabs(x) * down_.sizes[k] * gate_.sizes[k];
      if (!gated) continue;
      const double y = std::ldexp(b[t * hidden_ + k], down_.exponents[k] + up_.exponents[k] - largest[t]);
      beta[k * padded + t] = static_cast<float>(y);
      crude[t] += std::fabs(y) * down_.sizes[k] * up_.sizes[k];
    }
    crude[t] = upward(crude[t]);
  }

  // Row of tiles k: its sums over l >= k; whoever computes it, the additions have one order.
  std::vector<double> partial(panel_count * count);
  parallel_for(panel_count, [&](std::size_t k) {
    std::array<float, tile * tile> dd, other, product;
    std::vector<float> sums(padded);
    const auto panel = [](const Panels& p, std::size_t i) { return p.values.data() + i * p.length * tile; };
    const auto add = [&](const Panels& left, const Panels& right, const std::vector<float>& x, const std::vector<float>& y, std::size_t l) {
      gram_tile(other.data(), panel(left, k), panel(right, l), left.length);
      for (std::size_t i = 0; i < tile * tile; ++i) product[i] = dd[i] * other[i];
      add_forms(sums.data(), product.data(), x.data() + k * tile * padded, y.data() + l * tile * padded, padded);
    };
    for (std::size_t l = k; l < panel_count; ++l) {
      std::fill(sums.begin(), sums.end(), 0.0F);
      gram_tile(dd.data(), panel(down_, k), panel(down_, l), down_.length);
      add(gate_, gate_, alpha, alpha, l);
      if (gated) {
        add(gate_, up_, alpha, beta, l);
        add(up_, gate_, beta, alpha, l);
        add(up_, up_, beta, beta, l);
      }
      for (std::size_t t = 0; t < count; ++t) partial[k * count + t] += (l == k ? 1 : 2) * static_cast<double>(sums[t]);
    }
  });

  // Relative to the sum of the terms' absolute values, which is at most crude^2: every term passes the conversions of four weights and two factors,
  // two Gram sums (chunk + length / chunk additions and a product each), and 2 tile + 8 more operations.
  const auto operations = [](std::size_t length) { return static_cast<double>(std::min(length, chunk) + length / chunk + 2); };
  const double relative = (operations(down_.length) + operations(std::max(gate_.length, up_.length)) + 2 * tile + 20) * 0x1p-23;
  for (std::size_t t = 0; t < count; ++t) {
    if (largest[t] == 10000) continue;
    double sum = 0;
    for (std::size_t k = 0; k < panel_count; ++k) sum += partial[k * count + t];
    const double square = upward(std::max(sum, 0.0) + (relative + 0x1p-40) * crude[t] * crude[t] + 0x1p-60);
    result[t] = upward(std::ldexp(upward(std::sqrt(square)), largest[t]));
  }
  return result;
}

}  // namespace snellen
