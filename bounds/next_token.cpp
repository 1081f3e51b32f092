#include "bounds/next_token.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long first_bits = 64;
constexpr std::size_t rows_at_a_time = 1536;  // of the unembedding: bounds the memory for logits

// The largest lower end, whose token leads, and the largest upper end among all the other tokens.
struct Leader {
  Token token = -1;
  Dyadic lower, own_upper, others_upper;
  Leader() {
    for (Dyadic* end : {&lower, &own_upper, &others_upper}) mpfr_set_inf(end->get(), -1);
  }
  void meet(Token candidate, const Enclosure& logit) {
    if (lower < logit.lower) {
      if (others_upper < own_upper) others_upper = own_upper;
      token = candidate, lower = logit.lower, own_upper = logit.upper;
    } else if (others_upper < logit.upper) {
      others_upper = logit.upper;
    }
  }
  std::optional<Token> certified() const { return others_upper < lower ? std::optional(token) : std::nullopt; }
};

// Columns of balls as doubles [width][tokens], so that those of a row of the unembedding are added side by side.
struct Doubles {
  std::vector<double> middles;
  std::vector<double> sizes, errors;  // of each column at least |its doubles|_2, |y - its doubles|_2
};

Doubles doubles_of(const BallMatrix& y) {
  const std::size_t width = y.rows(), count = y.columns();
  Doubles result{std::vector<double>(width * count), std::vector<double>(count), std::vector<double>(count)};
  parallel_for(count, [&](std::size_t c) {
    std::vector<double> column(width);
    Magnitude squares;
    Ball off;
    for (std::size_t k = 0; k < width; ++k) {
      const double middle = arf_get_d(arb_midref(y(k, c)), ARF_RND_NEAR);
      if (is_moderate(middle)) column[k] = middle;
      arb_set_d(off, column[k]);
      arb_sub(off, y(k, c), off, 64);
      const Magnitude most = Magnitude::of(off);
      squares += most * most;
      result.middles[k * count + c] = column[k];
    }
    mag_sqrt(squares.get(), squares.get());
    result.sizes[c] = euclidean_norm(column), result.errors[c] = upper_double(squares);
  });
  return result;
}

// sums[c] += row . column c.
SNELLEN_MULTIVERSION void add_products(const double* row, std::size_t width, const double* columns, std::size_t count, double* sums) {
  for (std::size_t k = 0; k < width; ++k)
    for (std::size_t c = 0; c < count; ++c) sums[c] += row[k] * columns[k * count + c];
}

std::vector<double> biases_of(const Model& model) { return model.unembedding.bias ? read_all(*model.unembedding.bias) : std::vector<double>(model.vocabulary); }

// The tokens, rising, whose logits are not proved to be below another one; of each column. Logits are sums of doubles, each within |U_i|_2 (error + dot_error(width) size) of the exact one.
std::vector<std::vector<Token>> candidates(const Model& model, const BallMatrix& y) {
  const std::size_t width = y.rows(), count = y.columns();
  const Doubles by = doubles_of(y);
  const std::vector<double> bias = biases_of(model);
  struct Open {
    Token token;
    double upper;
  };
  std::vector<std::vector<Open>> open(count);
  std::vector<double> best(count, -INFINITY), lower(rows_at_a_time * count), upper(lower.size());
  for (std::size_t begin = 0; begin < model.vocabulary; begin += rows_at_a_time) {
    const std::size_t rows = std::min(model.vocabulary - begin, rows_at_a_time);
    parallel_for(rows, [&](std::size_t i) {
      std::vector<double> row(width), sums(count);
      model.unembedding.weight->read_row(begin + i, row);
      const double norm = width < std::size_t{1} << 20 ? euclidean_norm(row) : infinite_bound;
      add_products(row.data(), width, by.middles.data(), count, sums.data());
      for (std::size_t c = 0; c < count; ++c) {
        const double sum = sums[c] + bias[begin + i], rounding = 0x1p-50 * (std::fabs(sum) + std::fabs(bias[begin + i]));
        const double off = upward(norm * (by.errors[c] + dot_error(width) * by.sizes[c]) + rounding);
        const bool known = std::isfinite(sum) && off < infinite_bound;
        lower[i * count + c] = known ? sum - off : -INFINITY, upper[i * count + c] = known ? sum + off : INFINITY;
      }
    });
    parallel_for(count, [&](std::size_t c) {
      for (std::size_t i = 0; i < rows; ++i) {
        best[c] = std::max(best[c], lower[i * count + c]);
        if (!(upper[i * count + c] < best[c])) open[c].push_back({static_cast<Token>(begin + i), upper[i * count + c]});
      }
    });
  }
  std::vector<std::vector<Token>> result(count);
  for (std::size_t c = 0; c < count; ++c)
    for (const Open& one : open[c])
      if (!(one.upper < best[c])) result[c].push_back(one.token);
  return result;
}

// Among these tokens.
std::vector<std::optional<Token>> attempt(const Model& model, const BallWorld& world, const BallWorld::Block& y, const std::vector<Token>& tokens) {
  const std::vector<double> biases = biases_of(model);
  std::vector<Leader> leaders(y.columns());
  for (std::size_t begin = 0; begin < tokens.size(); begin += rows_at_a_time) {
    const std::span<const Token> some = std::span(tokens).subspan(begin, std::min(tokens.size() - begin, rows_at_a_time));
    std::vector<double> rows(some.size() * y.rows()), bias;
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto token = static_cast<std::size_t>(some[i]);
      model.unembedding.weight->read_row(token, std::span(rows).subspan(i * y.rows(), y.rows()));
      bias.push_back(biases[token]);
    }
    const Linear map{std::make_shared<DenseTensor>(some.size(), y.rows(), std::move(rows)), std::make_shared<DenseTensor>(1, some.size(), std::move(bias))};
    const BallWorld::Block logits = world.linear(map, y);
    parallel_for(y.columns(), [&](std::size_t c) {
      const std::vector<Enclosure> column = world.enclosures(logits, c);
      for (std::size_t i = 0; i < column.size(); ++i) leaders[c].meet(some[i], column[i]);
    });
  }
  std::vector<std::optional<Token>> result;
  for (const Leader& leader : leaders) result.push_back(leader.certified());
  return result;
}

}  // namespace

std::vector<std::optional<Token>> certified_next_tokens(const Model& model, const BallWorld& world, const BallWorld::Block& y) {
  std::vector<std::optional<Token>> result(y.columns());
  const std::vector<std::vector<Token>> left = candidates(model, y);
  std::vector<std::size_t> open;
  for (std::size_t c = 0; c < left.size(); ++c)
    left[c].size() == 1 ? void(result[c] = left[c][0]) : open.push_back(c);
  for (long bits = std::min(first_bits, world.bits()); !open.empty(); bits = std::min(2 * bits, world.bits())) {
    std::vector<Token> tokens;  // of all that are open; to meet one too many does no harm
    for (const std::size_t c : open) tokens.insert(tokens.end(), left[c].begin(), left[c].end());
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    const auto found = attempt(model, BallWorld(bits), world.select(y, open), tokens);
    std::vector<std::size_t> still_open;
    for (std::size_t i = 0; i < open.size(); ++i)
      found[i] ? void(result[open[i]] = found[i]) : still_open.push_back(open[i]);
    open = std::move(still_open);
    if (bits == world.bits()) break;
  }
  return result;
}

}  // namespace snellen
