#include "proofs/checker/double_layer.hpp"

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "proofs/checker/rounded_number.hpp"
#include "proofs/checker/taylor.hpp"

namespace snellen::check {
namespace {

constexpr double unit = 0x1p-53, tiny = 0x1p-900, infinite = std::numeric_limits<double>::infinity();
constexpr double largest_argument = 300;

#define SNELLEN_TARGET
typedef double Doubles;
typedef std::uint64_t Integers;
#include "proofs/checker/exponential.inc"
#undef SNELLEN_TARGET

double gamma(std::size_t terms) { return 1.01 * static_cast<double>(terms) * unit; }
double upward(double bound) { return bound * (1 + 0x1p-30) + tiny; }
double largest(const std::vector<double>& x) {
  double result = 0;
  for (const double entry : x) result = std::max(result, std::fabs(entry));
  return result;
}
double length(const std::vector<double>& x) {
  double sum = 0;
  for (const double entry : x) sum += entry * entry;
  return upward(std::sqrt(sum));
}
// Entries whose squares neither overflow nor vanish beside `tiny`, in a bound that says something.
void judge(DoubleVector& x) {
  if (!(x.error < 0x1p100) || !(largest(x.entries) < 0x1p100)) {
    std::fill(x.entries.begin(), x.entries.end(), 0);
    x.error = infinite;
  }
}

std::vector<double> row_of(const TensorPtr& tensor, std::size_t row) {
  std::vector<double> values;
  if (tensor) values.resize(tensor->columns()), tensor->read_row(row, values);
  return values;
}

}  // namespace

DoubleVector sum(DoubleVector x, const DoubleVector& y) {
  for (std::size_t i = 0; i < x.entries.size(); ++i) x.entries[i] += y.entries[i];
  x.error = upward(x.error + y.error + unit * length(x.entries));
  judge(x);
  return x;
}
DoubleVector product(DoubleVector x, const DoubleVector& y) {
  const double moved = largest(x.entries) * y.error + largest(y.entries) * x.error + x.error * y.error;
  for (std::size_t i = 0; i < x.entries.size(); ++i) x.entries[i] *= y.entries[i];
  x.error = upward(moved + unit * length(x.entries));
  judge(x);
  return x;
}
void activate(Activation activation, DoubleVector& x) {
  const bool silu = activation == Activation::silu;
  if (silu && !(largest(x.entries) <= largest_argument)) x.error = infinite;
  if (silu && x.error < infinite)
    for (double& entry : x.entries) entry /= 1 + exponential(-entry);
  else
    for (double& entry : x.entries) entry = std::max(entry, 0.0);
  x.error = silu ? upward(1.1 * x.error + 0x1p-44 * length(x.entries)) : x.error;
  judge(x);
}

DoubleVector rounded(const Vector& x) {
  DoubleVector result{std::vector<double>(x.size()), 0};
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const RoundedNumber entry = rounded(x[i]);
    result.entries[i] = entry.middle, squares += entry.error * entry.error;
  }
  result.error = std::fegetround() == FE_TONEAREST ? upward(std::sqrt(squares)) : infinite;
  judge(result);
  return result;
}

Vector enclosed(const IntervalArithmetic& a, const DoubleVector& x) {
  Vector result;
  const Upper error(x.error);
  for (const double entry : x.entries) {
    result.push_back(a.of(entry));
    if (x.error < infinite) widen(result.back(), error);
    else set_everything(result.back());
  }
  return result;
}

DoubleLinear::DoubleLinear(const Linear& map) : rows_(map.weight->rows()), columns_(map.weight->columns()), bias_(row_of(map.bias, 0)), bias_norm_(length(bias_)) {
  for (std::size_t i = 0; i < rows_; ++i) {
    const std::vector<double> row = row_of(map.weight, i);
    weights_.insert(weights_.end(), row.begin(), row.end());
  }
  norm_ = largest(weights_) < 0x1p100 ? length(weights_) : infinite;
}

DoubleVector DoubleLinear::operator()(const DoubleVector& x) const {
  DoubleVector y{std::vector<double>(rows_), 0};
  for (std::size_t i = 0; i < rows_; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < columns_; ++j) sum += weights_[i * columns_ + j] * x.entries[j];
    y.entries[i] = bias_.empty() ? sum : sum + bias_[i];
  }
  y.error = upward(norm_ * x.error + gamma(columns_ + 2) * (norm_ * length(x.entries) + bias_norm_));
  judge(y);
  return y;
}

DoubleNorm::DoubleNorm(const std::optional<Norm>& norm) : there_(norm.has_value()) {
  if (!there_) return;
  centred_ = norm->kind == NormKind::layer, epsilon_ = norm->epsilon;
  weights_ = row_of(norm->weight, 0), bias_ = row_of(norm->bias, 0);
  if (norm->unit_offset)
    for (double& weight : weights_) weight += 1;
  if (!weights_.empty()) largest_ = largest(weights_);
  bias_norm_ = length(bias_);
}

void DoubleNorm::operator()(DoubleVector& x) const {
  if (!there_) return;
  const std::size_t size = x.entries.size();
  const double count = static_cast<double>(size), root = std::sqrt(count);
  if (centred_) {
    double mean = 0;
    const double before = length(x.entries);
    for (const double entry : x.entries) mean += entry;
    mean /= count;
    for (double& entry : x.entries) entry -= mean;
    x.error = upward(x.error + gamma(size + 3) * before);
  }
  double squares = 0;
  for (const double entry : x.entries) squares += entry * entry;
  const double rho = std::sqrt(squares / count + epsilon_), least = rho * (1 - 0x1p-30) - upward(x.error / root);
  for (std::size_t i = 0; i < size; ++i) {
    double& entry = x.entries[i];
    entry /= rho;
    if (!weights_.empty()) entry *= weights_[i];
    if (!bias_.empty()) entry += bias_[i];
  }
  x.error = least > 0x1p-100 ? upward(largest_ * (x.error / least + gamma(size + 10) * root) + 2 * unit * bias_norm_) : infinite;
  judge(x);
}

bool DoubleLayer::knows(const Layer& layer) { return !layer.up || layer.activation == Activation::relu || layer.activation == Activation::silu; }

DoubleLayer::DoubleLayer(const Layer& layer)
    : activation_(layer.activation), output_(layer.output), after_attention_(layer.post_attention_norm), before_mlp_(layer.mlp_norm), after_mlp_(layer.post_mlp_norm) {
  if (layer.up) up_.emplace(*layer.up), down_.emplace(*layer.down);
  if (layer.up && layer.gate) gate_.emplace(*layer.gate);
}

DoubleVector DoubleLayer::operator()(DoubleVector x, const DoubleVector& mixed) const {
  DoubleVector branch = output_(mixed);
  after_attention_(branch);
  x = sum(std::move(x), branch);
  if (!up_) return x;
  branch = x;
  before_mlp_(branch);
  DoubleVector inner = (*up_)(branch);
  if (gate_) {
    DoubleVector gate = (*gate_)(branch);
    activate(activation_, gate);
    inner = product(std::move(inner), gate);
  } else {
    activate(activation_, inner);
  }
  branch = (*down_)(inner);
  after_mlp_(branch);
  return sum(std::move(x), branch);
}

}  // namespace snellen::check
