#include "lib/world/fixed_functions.hpp"

#include <algorithm>
#include <atomic>

#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/exp_lanes.hpp"
#include "lib/number/fixed_lanes.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr slong digit_bits = long_digit_bits;
using Lanes = std::uint64_t[most_fixed_digits * long_lanes];

slong bits_of(std::size_t digits) { return static_cast<slong>(digits) * digit_bits; }

// Factors as fractions of a power of two 2^top, their signs apart, for eight rows at a time.
struct Factors {
  slong top = -FixedColumns::most_top;
  std::size_t digits = 0;
  std::vector<std::uint64_t> words;    // [group][digits][8]
  std::vector<std::uint64_t> signs;    // [group][8]
  Magnitude error;                     // of each
  bool fit = false;

  // No more digits than `most`, and no more than hold every bit.
  Factors(const BallVector& w, std::size_t most) {
    slong last = FixedColumns::most_top;
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!tame(w[i]) || (!arf_is_zero(arb_midref(w[i])) && !FixedColumns::serves(ARF_EXP(arb_midref(w[i]))))) return;
      if (arf_is_zero(arb_midref(w[i]))) continue;
      top = std::max<slong>(top, ARF_EXP(arb_midref(w[i]))), last = std::min(last, last_bit(arb_midref(w[i])));
    }
    fit = true;
    last = std::min(last, top - 1);
    digits = std::min(most, long_digits_for(top - last));
    const slong unit = top - bits_of(digits);
    const std::size_t groups = (w.size() + long_lanes - 1) / long_lanes;
    words.assign(groups * digits * long_lanes, 0), signs.assign(groups * long_lanes, 0);
    DigitCutter cutter;
    arf_t absolute;
    arf_init(absolute);
    for (std::size_t i = 0; i < w.size(); ++i) {
      arf_abs(absolute, arb_midref(w[i]));
      cutter.cut(absolute, unit, -1, digits, &words[i / long_lanes * digits * long_lanes + i % long_lanes], long_lanes);
      if (arf_sgn(arb_midref(w[i])) < 0) signs[i] = ~std::uint64_t{0};
      Magnitude radius = Magnitude::radius_of(w[i]);
      if (error < radius) error = radius;
    }
    arf_clear(absolute);
    if (last < unit) error += two_to(unit);
  }
};

void centre_balls(BallVector& x, long bits) {
  Ball mean;
  for (std::size_t i = 0; i < x.size(); ++i) arb_add(mean, mean, x[i], bits);
  arb_div_ui(mean, mean, x.size(), bits);
  for (std::size_t i = 0; i < x.size(); ++i) arb_sub(x[i], x[i], mean, bits);
}

// One column; false: it does not serve.
bool norm_column(FixedColumns& y, std::size_t c, const Norm& n, const BallMatrix& x, const Factors* weights, long bits, ProductPath path) {
  const std::size_t size = x.rows(), digits = y.digits();
  const long working = bits + 16;
  BallVector centred(n.kind == NormKind::layer ? size : 0);
  for (std::size_t i = 0; i < centred.size(); ++i) arb_set(centred[i], x(i, c));
  if (centred.size() > 0) centre_balls(centred, working);
  const auto entry = [&](std::size_t i) { return centred.size() > 0 ? static_cast<const BallVector&>(centred)[i] : x(i, c); };
  if (!y.set_column(c, entry)) return false;
  FixedColumns::Column& column = y.column(c);
  const Magnitude moved = column.error;
  const slong top = column.top, unit = y.unit(c);

  Ball factor;
  arb_dot(factor, nullptr, 0, entry(0), centred.size() > 0 ? 1 : static_cast<slong>(x.columns()), entry(0), centred.size() > 0 ? 1 : static_cast<slong>(x.columns()),
          static_cast<slong>(size), working);
  arb_div_ui(factor, factor, size, working);
  Ball epsilon;
  arb_set_d(epsilon, n.epsilon);
  arb_add(factor, factor, epsilon, working);
  arb_rsqrt(factor, factor, working);
  if (!tame(factor) || arf_sgn(arb_midref(static_cast<arb_srcptr>(factor))) <= 0) return false;
  const slong p = ARF_EXP(arb_midref(static_cast<arb_srcptr>(factor))), q = weights != nullptr ? weights->top : 0;
  column.top = top + p + q;
  if (!FixedColumns::serves(p) || !FixedColumns::serves(column.top)) return false;

  Lanes values, factors = {}, product;
  DigitCutter cutter;
  cutter.cut(arb_midref(static_cast<arb_srcptr>(factor)), p - bits_of(digits), -1, digits, factors, long_lanes);
  for (std::size_t d = 0; d < digits; ++d) std::fill_n(factors + d * long_lanes, long_lanes, factors[d * long_lanes]);
  for (std::size_t g = 0; g < y.groups(); ++g) {
    std::uint64_t* group = y.group(c, g);
    std::uint64_t signs[long_lanes];
    signs_of(signs, group, digits);
    negate_where(values, group, signs, digits);
    multiply_fractions(values, digits, factors, digits, digits, product, path);
    if (weights != nullptr) {
      std::copy_n(product, digits * long_lanes, values);
      multiply_fractions(values, digits, weights->words.data() + g * weights->digits * long_lanes, weights->digits, digits, product, path);
      for (std::size_t l = 0; l < long_lanes; ++l) signs[l] ^= weights->signs[g * long_lanes + l];
    }
    negate_where(group, product, signs, digits);
  }

  const Magnitude sides = root_of(size), factor_error = Magnitude::radius_of(factor) + two_to(p - bits_of(digits)), first_unit = two_to(unit + p);
  const Magnitude largest_factor = two_to(p) + factor_error;
  column.error = two_to(q) * (largest_factor * moved + sides * (two_to(top) * factor_error + first_unit + first_unit)) + sides * shifted(two_to(y.unit(c)), 1);
  if (weights != nullptr) column.error += (sides * two_to(top) + moved) * largest_factor * weights->error;
  return true;
}



}  // namespace

std::optional<FixedColumns> fixed_norm(const Norm& n, const BallMatrix& x, long bits, ProductPath path) {
  const std::size_t digits = fixed_digits(bits);
  if (bits < least_fixed_bits || n.bias || digits > most_fixed_digits || x.rows() == 0) return {};
  std::optional<Factors> weights;
  if (n.weight) weights.emplace(norm_factors(n, x.rows(), bits + 32), digits);
  if (weights && !weights->fit) return {};
  FixedColumns y(x.rows(), x.columns(), digits);
  std::atomic<bool> serves = true;
  parallel_for(x.columns(), [&](std::size_t c) {
    if (!norm_column(y, c, n, x, weights ? &*weights : nullptr, bits, path)) serves = false;
  });
  if (!serves) return {};
  return y;
}

std::optional<FixedColumns> fixed_activation(Activation activation, const FixedColumns& x, ProductPath path) {
  const std::size_t digits = x.digits();
  if (activation != Activation::silu) return {};
  std::atomic<bool> serves = true;
  parallel_for(x.columns(), [&](std::size_t c) {
    if (x.unit(c) + x.used_bits(c) > 9 || x.unit(c) + bits_of(digits) > most_logistic_top) serves = false;  // |x| <= 512
  });
  if (!serves) return {};
  FixedColumns y(x.rows(), x.columns(), digits);
  parallel_for(x.columns(), [&](std::size_t c) {
    Lanes absolute, logistic, product;
    for (std::size_t g = 0; g < x.groups(); ++g) {
      const std::uint64_t* values = x.group(c, g);
      std::uint64_t signs[long_lanes];
      signs_of(signs, values, digits);
      negate_where(absolute, values, signs, digits);
      logistics(absolute, digits, x.unit(c), logistic, path);
      negate_where(logistic, logistic, signs, digits);  // 1 - s
      multiply_fractions(absolute, digits, logistic, digits, digits, product, path);
      negate_where(y.group(c, g), product, signs, digits);
    }
    FixedColumns::Column& column = y.column(c);
    column.top = x.column(c).top;
    Magnitude slope;
    mag_set_d(slope.get(), 1.1);
    column.error = slope * x.column(c).error + root_of(x.rows()) * two_to(x.unit(c) + 11);
  });
  return y;
}

std::optional<FixedColumns> fixed_multiply(const FixedColumns& x, const FixedColumns& y, ProductPath path) {
  const std::size_t digits = x.digits();
  if (y.digits() != digits || y.rows() != x.rows() || y.columns() != x.columns()) return {};
  for (std::size_t c = 0; c < x.columns(); ++c)
    if (!FixedColumns::serves(x.column(c).top + y.column(c).top + 1)) return {};
  FixedColumns z(x.rows(), x.columns(), digits);
  parallel_for(x.columns(), [&](std::size_t c) {
    Lanes a, b, product;
    for (std::size_t g = 0; g < x.groups(); ++g) {
      std::uint64_t signs[long_lanes], others[long_lanes];
      signs_of(signs, x.group(c, g), digits), signs_of(others, y.group(c, g), digits);
      negate_where(a, x.group(c, g), signs, digits), negate_where(b, y.group(c, g), others, digits);
      multiply_fractions(a, digits, b, digits, digits, product, path);
      for (std::size_t l = 0; l < long_lanes; ++l) signs[l] ^= others[l];
      negate_where(z.group(c, g), product, signs, digits);
    }
    FixedColumns::Column& column = z.column(c);
    column.top = x.column(c).top + y.column(c).top + 1;
    // `largest` holds the errors: max |x'| e_y + max |y'| e_x + e_x e_y <= largest(x) e_y + largest(y) e_x.
    column.error = x.largest(c) * y.column(c).error + y.largest(c) * x.column(c).error + root_of(x.rows()) * two_to(z.unit(c) + 1);
  });
  return z;
}

}  // namespace snellen
