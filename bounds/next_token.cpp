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
  std::vector<double> middles, radii;         // each radius at most the ball's
  std::vector<double> sizes, errors, shifts;  // of each column at least |its doubles|_2, |y - its doubles|_2, |y's middles - its doubles|_2
};

Doubles doubles_of(const BallMatrix& y) {
  const std::size_t width = y.rows(), count = y.columns();
  const std::vector<double> entries(width * count), columns(count);
  Doubles result{entries, entries, columns, columns, columns};
  parallel_for(count, [&](std::size_t c) {
    std::vector<double> column(width);
    Magnitude squares, shifts;
    Ball off;
    for (std::size_t k = 0; k < width; ++k) {
      const double middle = arf_get_d(arb_midref(y(k, c)), ARF_RND_NEAR), radius = mag_get_d(arb_radref(y(k, c)));
      if (is_moderate(middle)) column[k] = middle;
      arb_set_d(off, column[k]);
      arb_sub(off, y(k, c), off, 64);
      const Magnitude most = Magnitude::of(off);
      squares += most * most;
      mag_zero(arb_radref(static_cast<arb_ptr>(off)));
      const Magnitude shift = Magnitude::of(off);
      shifts += shift * shift;
      result.middles[k * count + c] = column[k];
      result.radii[k * count + c] = std::min(radius, 0x1p100);
    }
    mag_sqrt(squares.get(), squares.get());
    mag_sqrt(shifts.get(), shifts.get());
    result.sizes[c] = euclidean_norm(column), result.errors[c] = upper_double(squares), result.shifts[c] = upper_double(shifts);
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

// Of each column, whether no precision can certify a token among these: the radii alone keep each logit's upper end above the lower end of any that could lead.
// By it no time is lost where a search tries balls that are far too wide; it proves nothing and takes no answer away.
std::vector<bool> hopeless(const Model& model, const BallMatrix& y, const std::vector<Token>& tokens) {
  const std::size_t width = y.rows(), count = y.columns();
  const Doubles by = doubles_of(y);
  const std::vector<double> bias = biases_of(model);
  // Of sums within `off` of the middles' logits, and spreads at most the logits' radii.
  struct Race {
    double lower = -INFINITY;  // the largest upper bound of a lower end
    bool wide = false;         // whether that logit's ball is certainly no smaller than the doubt of its sum
    double upper = -INFINITY, second = -INFINITY, own = -INFINITY;  // the two largest lower bounds of upper ends, and that logit's own
    void meet(double sum, double off, double spread) {
      if (!(off < infinite_bound)) lower = INFINITY, wide = false;  // doubles say nothing
      const double least_upper = sum + spread - off;
      if (lower < sum - spread + off) lower = sum - spread + off, wide = spread >= off, own = least_upper;
      if (upper < least_upper) std::swap(upper, second), upper = least_upper;
      else second = std::max(second, least_upper);
    }
    // Any other's lower end is at most the upper end of that logit, whose own is at most another's.
    bool lost() const { return wide && (own < upper ? upper : second) >= lower; }
  };
  std::vector<Race> races(count);
  std::vector<double> sums(rows_at_a_time * count), offs(sums.size()), spreads(sums.size());
  for (std::size_t begin = 0; begin < tokens.size(); begin += rows_at_a_time) {
    const std::size_t rows = std::min(tokens.size() - begin, rows_at_a_time);
    std::fill(sums.begin(), sums.end(), 0.0), std::fill(spreads.begin(), spreads.end(), 0.0);
    parallel_for(rows, [&](std::size_t i) {
      const auto token = static_cast<std::size_t>(tokens[begin + i]);
      std::vector<double> row(width);
      model.unembedding.weight->read_row(token, row);
      const double norm = euclidean_norm(row);
      add_products(row.data(), width, by.middles.data(), count, &sums[i * count]);
      for (double& entry : row) entry = std::fabs(entry);
      add_products(row.data(), width, by.radii.data(), count, &spreads[i * count]);
      for (std::size_t c = 0; c < count; ++c) {
        double& sum = sums[i * count + c];
        sum += bias[token];
        spreads[i * count + c] *= 1 - 0x1p-30;
        offs[i * count + c] = norm * (by.shifts[c] + dot_error(width) * by.sizes[c]) + 0x1p-50 * (std::fabs(sum) + std::fabs(bias[token]));
      }
    });
    parallel_for(count, [&](std::size_t c) {
      for (std::size_t i = 0; i < rows; ++i) races[c].meet(sums[i * count + c], offs[i * count + c], spreads[i * count + c]);
    });
  }
  std::vector<bool> result;
  for (const Race& race : races) result.push_back(race.lost());
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
  const auto those_left = [&] {
    std::vector<Token> tokens;  // of all that are open; to meet one too many does no harm
    for (const std::size_t c : open) tokens.insert(tokens.end(), left[c].begin(), left[c].end());
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    return tokens;
  };
  if (!open.empty()) {
    const std::vector<bool> lost = hopeless(model, world.select(y, open), those_left());
    std::vector<std::size_t> still_open;
    for (std::size_t i = 0; i < open.size(); ++i)
      if (!lost[i]) still_open.push_back(open[i]);
    open = std::move(still_open);
  }
  for (long bits = std::min(first_bits, world.bits()); !open.empty(); bits = std::min(2 * bits, world.bits())) {
    const auto found = attempt(model, BallWorld(bits), world.select(y, open), those_left());
    std::vector<std::size_t> still_open;
    for (std::size_t i = 0; i < open.size(); ++i)
      found[i] ? void(result[open[i]] = found[i]) : still_open.push_back(open[i]);
    open = std::move(still_open);
    if (bits == world.bits()) break;
  }
  return result;
}

}  // namespace snellen
