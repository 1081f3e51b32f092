#include "cases/sweep/cost.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "bounds/work.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

// Strength of the ridge in units of the measurements' variance about the model: main effects are free to move, products less so.
constexpr double main_ridge = 0.05, product_ridge = 0.5;

double work_of(const Case& c, const Model& model) {
  const CertifyRequest& request = c.request;
  const FamilyBlock block = family_block(request.family);
  const double direct = work_of_tokens(model, static_cast<double>(block.columns.size()));
  double work = direct * (1 + 0.1 * static_cast<double>(request.profiles.size()));
  if (request.inevitable) {
    const double most = request.inevitable_work.value_or(default_inevitable_work);
    const double layers = static_cast<double>(model.layers.size());
    work += std::min(most, work_of_eras(model, 100, 20 + 5 * layers));
  }
  return work;
}

bool is_numeric(const SweepAxis& axis) {
  return std::all_of(axis.numbers.begin(), axis.numbers.end(), [](const auto& number) { return number && *number > 0; });
}

// x with (A + ridge) x = b, A = F^T F, by Cholesky's decomposition: positive definite because of the ridge.
std::vector<double> least_squares(const std::vector<std::vector<double>>& rows, const std::vector<double>& right, const std::vector<double>& ridge) {
  const std::size_t n = ridge.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n, 0));
  std::vector<double> x(n, 0);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t i = 0; i < n; ++i) {
      x[i] += rows[r][i] * right[r];
      for (std::size_t j = 0; j <= i; ++j) a[i][j] += rows[r][i] * rows[r][j];
    }
  for (std::size_t i = 0; i < n; ++i) a[i][i] += ridge[i];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= a[i][k] * x[k];
    x[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= a[k][i] * x[k];
    x[i] /= a[i][i];
  }
  return x;
}

}  // namespace

std::vector<double> counted_work(const Sweep& sweep) {
  std::vector<double> work;
  std::string loaded;
  std::optional<Model> model;
  for (const SweepPoint& point : sweep.points) {
    try {
      const Case c = case_of(sweep, point);
      if (c.softmax) {
        work.push_back(static_cast<double>(c.softmax->to) * static_cast<double>(c.softmax->to));
        continue;
      }
      // Of a random model only the description counts, its seed aside.
      std::string description;
      if (const auto* random = std::get_if<RandomModel>(&c.model)) {
        RandomModel without_seed = *random;
        without_seed.seed = 0;
        description = describe(without_seed);
      } else {
        description = std::get<std::filesystem::path>(c.model).string();
      }
      if (!model || description != loaded) model = load_model(c), loaded = description;
      work.push_back(work_of(c, *model));
    } catch (const InputError&) {
      work.push_back(0);
    }
  }
  return work;
}

std::vector<std::size_t> longest_first(const std::vector<double>& work) {
  std::vector<std::size_t> order(work.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return work[a] > work[b]; });
  return order;
}

CostModel::CostModel(const Sweep& sweep, std::vector<double> guess) : sweep_(sweep), guess_(std::move(guess)) {
  for (double& value : guess_) value = std::max(value, 1e-300);
}

void CostModel::measured(std::size_t point, double value) { values_.emplace_back(point, std::max(value, 1e-9)); }

std::vector<double> CostModel::features(std::size_t point) const {
  std::vector<double> result = {1}, names, numbers;
  const std::vector<std::size_t>& at = sweep_.points[point].at;
  for (std::size_t a = 0; a < sweep_.axes.size(); ++a) {
    const SweepAxis& axis = sweep_.axes[a];
    if (axis.seeds) continue;
    if (is_numeric(axis)) {
      const double low = std::log(*axis.numbers.front()), high = std::log(*axis.numbers.back());
      numbers.push_back(std::log(*axis.numbers[at[a]]) - (low + high) / 2);
    } else {
      for (std::size_t v = 0; v < axis.size(); ++v) names.push_back(v == at[a] ? 1 : 0);
    }
  }
  result.insert(result.end(), numbers.begin(), numbers.end());
  result.insert(result.end(), names.begin(), names.end());
  for (const double name : names)
    for (const double number : numbers) result.push_back(name * number);
  return result;
}

std::vector<double> CostModel::predict() const {
  if (values_.empty()) return guess_;
  std::vector<std::vector<double>> rows;
  std::vector<double> right;
  for (const auto& [point, value] : values_) {
    rows.push_back(features(point));
    right.push_back(std::log(value / guess_[point]));
  }
  // The intercept takes the mean, so that the ridge pulls towards the guess times a factor.
  const double mean = std::accumulate(right.begin(), right.end(), 0.0) / static_cast<double>(right.size());
  for (double& value : right) value -= mean;
  std::size_t main_effects = 1;
  for (const SweepAxis& axis : sweep_.axes)
    if (!axis.seeds) main_effects += is_numeric(axis) ? 1 : axis.size();
  std::vector<double> ridge(rows[0].size(), product_ridge);
  std::fill(ridge.begin(), ridge.begin() + static_cast<std::ptrdiff_t>(main_effects), main_ridge);
  const std::vector<double> x = least_squares(rows, right, ridge);
  const auto log_of = [&](const std::vector<double>& f) { return std::inner_product(f.begin(), f.end(), x.begin(), mean); };
  // The mean of what the logarithm leaves out, so that sums come right (Duan's smearing estimate).
  double smear = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) smear += std::exp(right[r] + mean - log_of(rows[r]));
  smear /= static_cast<double>(rows.size());
  std::vector<double> result(guess_.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = guess_[i] * std::exp(log_of(features(i))) * smear;
  for (const auto& [point, value] : values_) result[point] = value;
  return result;
}

std::vector<std::size_t> CostModel::worth_measuring(std::size_t most) const {
  const std::size_t count = guess_.size();
  // Coordinates: numbers from 0 to 1 by their logarithm, names apart by 1, seeds hardly.
  const auto distance = [&](std::size_t p, std::size_t q) {
    double sum = 0;
    for (std::size_t a = 0; a < sweep_.axes.size(); ++a) {
      const SweepAxis& axis = sweep_.axes[a];
      const std::size_t i = sweep_.points[p].at[a], j = sweep_.points[q].at[a];
      if (i == j) continue;
      if (axis.seeds)
        sum += 1e-3;
      else if (is_numeric(axis))
        sum += std::pow(std::log(*axis.numbers[i] / *axis.numbers[j]) / std::max(1e-9, std::abs(std::log(*axis.numbers.back() / *axis.numbers.front()))), 2);
      else
        sum += 1;
    }
    return sum;
  };
  std::vector<double> nearest(count, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> chosen;
  std::size_t next = static_cast<std::size_t>(std::min_element(guess_.begin(), guess_.end()) - guess_.begin());
  while (chosen.size() < std::min(most, count)) {
    chosen.push_back(next);
    nearest[next] = -1;
    for (std::size_t i = 0; i < count; ++i)
      if (nearest[i] >= 0) nearest[i] = std::min(nearest[i], distance(i, next));
    // Of points equally far the cheapest.
    next = 0;
    for (std::size_t i = 1; i < count; ++i)
      if (nearest[i] > nearest[next] + 1e-9 || (std::abs(nearest[i] - nearest[next]) <= 1e-9 && guess_[i] < guess_[next])) next = i;
  }
  return chosen;
}

}  // namespace snellen
