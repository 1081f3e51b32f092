#include "lib/number/exact_product/sum_rounding.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/fmpz.hpp"

namespace snellen {
namespace {

// The bits that a midpoint below 2^top deserves: all, or those down to 2^-drowned_bits of its radius.
long deserved_bits(slong top, const Bound& radius, long bits) {
  return radius.zero() ? bits : std::clamp<slong>(top - radius.top() + drowned_bits, 2, bits);
}

}  // namespace

SumRounding::SumRounding(const PreparedWeights& weights, const FixedPointBlock& x, const Kernels& kernels, long bits)
    : weights_(weights), x_(x), kernels_(kernels), bits_(bits), slack_(1 + static_cast<double>(x.rows() + 5) * 0x1p-22) {}

void SumRounding::sum_radii(std::size_t group, std::size_t groups, std::size_t tile, std::size_t tiles, float* sums) const {
  const std::size_t in = x_.rows(), stride = in * group_rows;
  const float* x = x_.radii(tile);
  if (weights_.width() == WeightWidth::narrow) kernels_.narrow_radii(weights_.narrow(group), stride, groups, x, tiles * x_.radius_columns(), in, sums);
  else kernels_.wide_radii(weights_.wide(group), stride, groups, x, tiles * x_.radius_columns(), in, sums);
}

void SumRounding::sum_radii_from(std::size_t j, std::size_t group, std::size_t groups, float* sums) const {
  const std::size_t width = x_.radius_columns();
  sum_radii(group, groups, j / width, width > 1 && j + width < x_.columns() ? 2 : 1, sums);
}

template <class Words>
void SumRounding::round(arb_ptr y, const Words* sum, bool negative, std::size_t row, std::size_t j, float radius_sum) const {
  const FixedPointBlock::Column& column = x_.column(j);
  const double radius = radius_sum * slack_;
  const slong radius_exponent = column.radius_exponent + weights_.scale(row), exponent = column.unit + weights_.scale(row);
  if (!weights_.tail(row).empty()) {
    set_radius(arb_radref(y), radius, radius_exponent);
    arf_t whole;
    arf_init(whole);
    if (sum) set_midpoint(whole, *sum, negative, ARF_PREC_EXACT, 0);
    add_tail(y, whole, row, j);
    arf_clear(whole);
    return;
  }
  double total = radius;
  if (sum) {
    const slong top = sum->length() + exponent;
    const long bits = deserved_bits(top, Bound(radius, radius_exponent), bits_);
    // The unit in the last place beside the radius, in one double where it fits there.
    if (set_midpoint(arb_midref(y), *sum, negative, bits, exponent)) {
      const slong unit = top - bits - radius_exponent;
      if (std::abs(unit) >= 900) {
        set_radius(arb_radref(y), radius, radius_exponent);
        arf_mag_add_ulp(arb_radref(y), arb_radref(y), arb_midref(y), bits);
        return;
      }
      total = (radius + std::bit_cast<double>(static_cast<std::uint64_t>(unit + 1023) << 52)) * (1 + 0x1p-50);
    }
  }
  set_radius(arb_radref(y), total, radius_exponent);
}

template void SumRounding::round(arb_ptr y, const WordsOfLimbs* sum, bool negative, std::size_t row, std::size_t j, float radius_sum) const;
template void SumRounding::round(arb_ptr y, const WordsOfRow* sum, bool negative, std::size_t row, std::size_t j, float radius_sum) const;

void SumRounding::add_tail(arb_ptr y, const arf_t sum, std::size_t row, std::size_t j) const {
  const FixedPointBlock::Column& column = x_.column(j);
  int lowest = weights_.scale(row);
  for (const TailWeight& t : weights_.tail(row)) lowest = std::min(lowest, t.exponent);
  Fmpz total, term;
  arf_t cut;
  mag_t weight, error;
  arf_init(cut), mag_init(weight), mag_init(error);
  arf_get_fmpz(total, sum, ARF_RND_DOWN);
  fmpz_mul_2exp(total, total, static_cast<ulong>(weights_.scale(row) - lowest));
  for (const TailWeight& t : weights_.tail(row)) {
    arf_mul_2exp_si(cut, arb_midref(x_.balls()(t.column, j)), -column.unit);
    arf_get_fmpz(term, cut, ARF_RND_DOWN);  // m_kj
    fmpz_mul_si(term, term, t.significand);
    fmpz_mul_2exp(term, term, static_cast<ulong>(t.exponent - lowest));
    fmpz_add(total, total, term);

    const std::size_t width = x_.radius_columns();
    mag_set_ui_2exp_si(weight, static_cast<ulong>(std::abs(t.significand)), t.exponent);
    set_radius(error, x_.radii(j / width)[t.column * width + j % width] * slack_, column.radius_exponent);
    mag_addmul(arb_radref(y), weight, error);
  }
  const int inexact = arf_set_round_fmpz(arb_midref(y), total, bits_, ARF_RND_DOWN);
  arf_mul_2exp_si(arb_midref(y), arb_midref(y), column.unit + lowest);
  if (inexact) arf_mag_add_ulp(arb_radref(y), arb_radref(y), arb_midref(y), bits_);
  arf_clear(cut), mag_clear(weight), mag_clear(error);
}

}  // namespace snellen
