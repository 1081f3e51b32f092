#include "proofs/checker/operations.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <span>
#include <stdexcept>

#include "proofs/checker/fixed_dot.hpp"

namespace snellen::check {
namespace {

constexpr long bits_beside_width = 40;  // what an exponential has beyond the width of its argument
constexpr std::size_t rows_together = 16;  // while a vector's digits, some hundred kilobytes of a wide one, are near

std::vector<double> doubles(const Tensor& tensor, std::size_t row) {
  std::vector<double> values(tensor.columns());
  tensor.read_row(row, values);
  return values;
}

}  // namespace

Vector Operations::row(const Tensor& tensor, std::size_t row) const {
  Vector result;
  for (const double value : doubles(tensor, row)) result.push_back(a_.of(value));
  return result;
}

std::vector<Vector> Operations::linear(const Linear& map, const std::vector<Vector>& xs) const {
  const std::size_t out = map.weight->rows();
  for (const Vector& x : xs)
    if (x.size() != map.weight->columns()) throw std::logic_error("linear: the weight's columns are not the vector's size");
  const Vector bias = map.bias ? row(*map.bias, 0) : Vector();
  std::vector<Vector> ys(xs.size(), zeros(out));
  std::vector<std::optional<FixedVector>> fixed(xs.size());
  for_each_index(xs.size(), xs.size() * map.weight->columns() >= 500, [&](std::size_t c) { fixed[c].emplace(xs[c], bits()); });
  for_each_index((out + rows_together - 1) / rows_together, out * map.weight->columns() * xs.size() >= 20'000, [&](std::size_t block) {
    const std::size_t begin = block * rows_together, count = std::min(rows_together, out - begin);
    std::vector<std::vector<double>> rows;
    for (std::size_t i = begin; i < begin + count; ++i) rows.push_back(doubles(*map.weight, i));
    const FixedRows weights(rows);
    for (std::size_t c = 0; c < xs.size(); ++c) {
      weights.times(*fixed[c], std::span(ys[c]).subspan(begin, count));
      for (std::size_t i = begin; map.bias && i < begin + count; ++i) a_.add(ys[c][i], ys[c][i], bias[i]);
    }
  });
  return ys;
}

void Operations::norm(const Norm& n, Vector& x, std::size_t groups) const {
  const std::size_t size = x.size() / groups;
  const Number count = a_.of(static_cast<double>(size)), epsilon = a_.of(n.epsilon), one = a_.of(1);
  const Vector weight = n.weight ? row(*n.weight, 0) : Vector(), bias = n.bias ? row(*n.bias, 0) : Vector();
  Number mean = a_.zero(), squares = a_.zero(), term = a_.zero();
  for (std::size_t g = 0; g < groups; ++g) {
    Number* const entries = &x[g * size];
    if (n.kind == NormKind::layer) {
      mean = a_.zero();
      for (std::size_t i = 0; i < size; ++i) a_.add(mean, mean, entries[i]);
      a_.div(mean, mean, count);
      for (std::size_t i = 0; i < size; ++i) a_.sub(entries[i], entries[i], mean);
    }
    squares = a_.zero();
    for (std::size_t i = 0; i < size; ++i) {
      a_.sqr(term, entries[i]);
      a_.add(squares, squares, term);
    }
    a_.div(squares, squares, count);
    a_.add(squares, squares, epsilon);
    a_.sqrt(squares, squares);
    for (std::size_t i = 0; i < size; ++i) {
      a_.div(entries[i], entries[i], squares);
      if (n.weight) {
        term = weight[i];
        if (n.unit_offset) a_.add(term, term, one);
        a_.mul(entries[i], entries[i], term);
      }
      if (n.bias) a_.add(entries[i], entries[i], bias[i]);
    }
  }
}

void Operations::activate(Activation activation, Number& x) const {
  const Number one = a_.of(1), two = a_.of(2);
  Number t = a_.zero(), u = a_.zero();
  switch (activation) {
    case Activation::identity: return;
    case Activation::relu: return a_.relu(x, x);
    case Activation::silu:  // x / (1 + e^-x)
      a_.sub(t, t, x);
      exp(t);
      a_.add(t, t, one);
      return a_.div(x, x, t);
    case Activation::gelu_exact:  // x/2 (1 + erf(x / sqrt 2))
      a_.sqrt(u, two);
      a_.div(t, x, u);
      a_.erf(t, t);
      break;
    case Activation::gelu_tanh:  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
      a_.sqr(t, x);
      a_.mul(t, t, 44715.0);
      a_.div(t, t, a_.of(1e6));
      a_.add(t, t, one);
      a_.mul(t, t, x);
      a_.pi(u);
      a_.div(u, two, u);
      a_.sqrt(u, u);
      a_.mul(t, t, u);
      a_.tanh(t, t);
      break;
  }
  a_.add(t, t, one);
  a_.mul(x, x, t);
  a_.mul(x, x, 0.5);
}

Number Operations::root(const Root& r) const {
  Number result = a_.of(r.radicand);
  a_.sqrt(result, result);
  if (r.inverse) a_.div(result, a_.of(1), result);
  return result;
}

Number Operations::slope(const Slope& s) const {
  Number result = a_.of(2);
  a_.log(result, result);
  a_.mul(result, result, -static_cast<double>(s.numerator));
  a_.div(result, result, a_.of(static_cast<double>(s.denominator)));
  a_.exp(result, result);
  return result;
}

void Operations::exp(Number& x) const {
  // Far below what counts beside 1, a power of two above it serves: e^x <= 2^(x / 0.6932) for x < 0.
  if (const double high = mpfr_get_d(upper(x), MPFR_RNDU); high < -0.7 * static_cast<double>(bits() + 64) && high > -1e15) {
    mpfr_set_zero(lower(x), +1);
    mpfr_set_ui_2exp(upper(x), 1, static_cast<long>(std::ceil(high / 0.6932)) + 1, MPFR_RNDU);
    return;
  }
  Number width = a_.zero();
  mpfr_ptr w = upper(width);
  mpfr_sub(w, upper(x), lower(x), MPFR_RNDU);
  if (!(mpfr_cmp_ui(w, 1) < 0) || mpfr_nan_p(w)) return a_.exp(x, x);
  const auto precision = static_cast<mpfr_prec_t>(mpfr_zero_p(w) ? bits() : std::clamp(bits_beside_width - static_cast<long>(mpfr_get_exp(w)), std::min(bits(), 64L), bits()));
  mpfr_sqr(lower(width), w, MPFR_RNDU);
  mpfr_add(w, w, lower(width), MPFR_RNDU);
  mpfr_add_ui(w, w, 1, MPFR_RNDU);
  Dyadic end(precision);
  const int inexact = mpfr_exp(end.get(), lower(x), MPFR_RNDD);
  mpfr_set(lower(x), end.get(), MPFR_RNDD);
  if (inexact != 0) mpfr_nextabove(end.get());
  mpfr_mul(upper(x), end.get(), w, MPFR_RNDU);
}

void Operations::soft_cap(Number& score, double cap) const {
  const Number c = a_.of(cap);
  a_.div(score, score, c);
  a_.tanh(score, score);
  a_.mul(score, score, c);
}

std::vector<Operations::Turn> Operations::turns(const Rotary& rotary, std::int64_t position) const {
  // The whole turns in the angle cost log2(position) bits.
  const IntervalArithmetic wide(bits() + 16 + static_cast<long>(std::bit_width(static_cast<std::uint64_t>(position))));
  Number log_base = wide.of(rotary.base);
  wide.log(log_base, log_base);
  std::vector<Turn> result;
  for (std::size_t f = 0; f < rotary.dimensions / 2; ++f) {
    Number angle = log_base;
    wide.mul(angle, angle, -2.0 * static_cast<double>(f));
    wide.div(angle, angle, wide.of(static_cast<double>(rotary.dimensions)));
    wide.exp(angle, angle);
    wide.mul(angle, angle, static_cast<double>(position));
    Turn turn{a_.zero(), a_.zero()};
    a_.cos(turn.cosine, angle);
    a_.sin(turn.sine, angle);
    result.push_back(std::move(turn));
  }
  return result;
}

void Operations::rotate(Vector& x, std::size_t heads, std::size_t head_size, const std::vector<Turn>& turns) const {
  Number s = a_.zero(), t = a_.zero(), u = a_.zero();
  for (std::size_t h = 0; h < heads; ++h)
    for (std::size_t f = 0; f < turns.size(); ++f) {
      Number &x1 = x[h * head_size + f], &x2 = x[h * head_size + f + turns.size()];
      a_.mul(s, x1, turns[f].cosine);
      a_.mul(t, x2, turns[f].sine);
      a_.sub(u, s, t);
      a_.mul(s, x2, turns[f].cosine);
      a_.mul(t, x1, turns[f].sine);
      a_.add(x2, s, t);
      x1 = u;
    }
}

}  // namespace snellen::check
