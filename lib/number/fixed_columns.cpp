#include "lib/number/fixed_columns.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/limb_writer.hpp"
#include "lib/number/exact_product/limbs_to_midpoint.hpp"
#include "lib/number/fixed_lanes.hpp"
#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

double power_of_two(slong e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); }  // a normal one

// seen[d] |= the bits of digit d of every number that differ from its sign.
SNELLEN_MULTIVERSION void gather_bits(std::uint64_t* seen, const std::uint64_t* words, std::size_t groups, std::size_t digits) {
  for (std::size_t g = 0; g < groups; ++g, words += digits * long_lanes) {
    std::uint64_t signs[long_lanes];
    signs_of(signs, words, digits);
    for (std::size_t d = 0; d < digits; ++d)
      for (std::size_t l = 0; l < long_lanes; ++l) seen[d * long_lanes + l] |= words[d * long_lanes + l] ^ (signs[l] & long_digit_mask);
  }
}

// The upper two digits of eight numbers, the first with its sign, as doubles in units of the first: one rounding of their sum.
SNELLEN_MULTIVERSION void lane_middles(double* values, const std::uint64_t* upper, const std::uint64_t* lower, double scale) {
  for (std::size_t l = 0; l < long_lanes; ++l) {
    constexpr std::uint64_t half = std::uint64_t{1} << (long_digit_bits - 1);
    const auto high = static_cast<std::int64_t>(upper[l] ^ half) - static_cast<std::int64_t>(half);
    values[l] = (static_cast<double>(high) + static_cast<double>(static_cast<std::int64_t>(lower[l])) * 0x1p-52) * scale;
  }
}

}  // namespace

FixedColumns::FixedColumns(std::size_t rows, std::size_t columns, std::size_t digits)
    : rows_(rows), digits_(digits), groups_((rows + long_lanes - 1) / long_lanes), columns_(columns),
      words_(std::make_unique_for_overwrite<std::uint64_t[]>(columns * groups_ * digits * long_lanes)) {}

std::optional<FixedColumns> FixedColumns::of(const BallMatrix& x, std::size_t digits) {
  if (digits < 2 || digits > most_fixed_digits) return {};
  FixedColumns y(x.rows(), x.columns(), digits);
  std::atomic<bool> fits = true;
#pragma omp parallel for schedule(static)
  for (std::size_t c = 0; c < x.columns(); ++c)
    if (!y.set_column(c, [&](std::size_t i) { return x(i, c); })) fits = false;
  if (!fits) return {};
  return y;
}

slong FixedColumns::used_bits(std::size_t c) const {
  std::uint64_t seen[most_fixed_digits * long_lanes] = {};
  gather_bits(seen, group(c, 0), groups_, digits_);
  for (std::size_t d = digits_; d-- > 0;) {
    std::uint64_t all = 0;
    for (std::size_t l = 0; l < long_lanes; ++l) all |= seen[d * long_lanes + l];
    if (all != 0) return static_cast<slong>(d) * long_digit_bits + std::bit_width(all);
  }
  return 0;
}

void FixedColumns::middles(std::size_t c, std::span<double> values) const {
  const double scale = power_of_two(columns_[c].top + 1 - long_digit_bits);
  for (std::size_t g = 0; g < groups_; ++g) {
    const std::uint64_t* upper = group(c, g) + (digits_ - 1) * long_lanes;
    double lanes[long_lanes];
    lane_middles(lanes, upper, upper - long_lanes, scale);
    std::copy_n(lanes, std::min(long_lanes, rows_ - g * long_lanes), values.begin() + static_cast<std::ptrdiff_t>(g * long_lanes));
  }
}

Magnitude FixedColumns::middle_error(std::size_t c) const { return columns_[c].error + two_to(columns_[c].top - 100); }

Magnitude FixedColumns::largest(std::size_t c) const { return columns_[c].error + two_to(unit(c) + used_bits(c)); }

Magnitude FixedColumns::norm(std::size_t c) const {
  std::vector<double> values(rows_);
  middles(c, values);
  // |x|_2 <= |values|_2 (1 + 2^-52) + sqrt(rows) 2^(top - 100) + error.
  return magnitude_of(euclidean_norm(values) * (1 + 0x1p-50)) + shifted(root_of(rows_), columns_[c].top - 100) + columns_[c].error;
}

BallMatrix FixedColumns::midpoints() const {
  BallMatrix x(rows_, columns());
#pragma omp parallel for schedule(static)
  for (std::size_t c = 0; c < columns(); ++c) {
    std::uint64_t signs[long_lanes], absolute[most_fixed_digits * long_lanes];
    mp_limb_t limbs[most_fixed_digits + 2];
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::size_t lane = i % long_lanes;
      if (lane == 0) {
        const std::uint64_t* words = group(c, i / long_lanes);
        signs_of(signs, words, digits_);
        negate_where(absolute, words, signs, digits_);
      }
      LimbWriter writer(limbs);
      for (std::size_t d = 0; d < digits_; ++d) writer.push(absolute[d * long_lanes + lane], long_digit_bits);
      writer.finish(0, 0);
      if (writer.size() == 0) continue;
      set_midpoint(arb_midref(x(i, c)), WordsOfLimbs(limbs, writer.size()), signs[lane] != 0, ARF_PREC_EXACT, unit(c));
    }
  }
  return x;
}

BallMatrix FixedColumns::balls() const {
  BallMatrix x = midpoints();
#pragma omp parallel for schedule(static)
  for (std::size_t c = 0; c < columns(); ++c)
    for (std::size_t i = 0; i < rows_; ++i) mag_set(arb_radref(x(i, c)), columns_[c].error.get());
  return x;
}

}  // namespace snellen
