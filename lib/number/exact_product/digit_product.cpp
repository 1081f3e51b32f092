#include "lib/number/exact_product/digit_product.hpp"

#include <algorithm>

#include "lib/number/exact_product/limb_writer.hpp"
#include "lib/number/exact_product/sum_rounding.hpp"
#include "lib/number/exact_product/tile_shares.hpp"

namespace snellen {
namespace {

constexpr std::size_t block_columns = 8;  // a multiple of SumRounding::together

// Everything that one column of a product needs, for one thread.
class DigitSums {
 public:
  DigitSums(const PreparedWeights& weights, const FixedPointBlock& x, const Kernels& kernels, long bits)
      : weights_(weights), x_(x), digits_(x.digits(weights.width())), kernels_(kernels), rounding_(weights, x, kernels, bits),
        digit_bits_(weights.width() == WeightWidth::narrow ? narrow_digit_bits : wide_digit_bits),
        sums_(digits_.most * tile_rows), high_(sums_.size()), radii_(SumRounding::together * tile_rows), limbs_(digits_.most * static_cast<std::size_t>(digit_bits_) / FLINT_BITS + 5) {
    if (chunks() > 1) totals_.resize(sums_.size());
  }

  // Rows of groups [group, group + groups), columns [first, last); first is a multiple of SumRounding::together.
  void run(BallMatrix& y, std::size_t group, std::size_t groups, std::size_t first, std::size_t last) {
    for (std::size_t j = first; j < last; ++j) {
      if (j % SumRounding::together == 0) rounding_.sum_radii_from(j, group, groups, radii_.data());
      if (!x_.column(j).fits) continue;
      sum_products(group, groups, j);
      const std::size_t begin = group * group_rows, end = std::min(weights_.rows(), begin + groups * group_rows);
      for (std::size_t i = begin; i < end; ++i) finish(y(i, j), i, i - begin, j);
    }
  }

 private:
  std::size_t chunks() const { return (x_.rows() + sum_terms - 1) / sum_terms; }
  bool narrow() const { return weights_.width() == WeightWidth::narrow; }

  void sum_products(std::size_t group, std::size_t groups, std::size_t j) {
    const std::size_t in = x_.rows(), stride = in * group_rows, digits = digits_.count[j];
    std::fill(totals_.begin(), totals_.end(), 0);
    for (std::size_t k = 0; k < in; k += sum_terms) {
      const std::size_t count = std::min(sum_terms, in - k);
      const std::size_t weight = k * group_rows, digit = digits_.begin[j] + k * digits;
      if (narrow())
        kernels_.narrow(weights_.narrow(group) + weight, stride, groups, digits_.narrow.get() + digit, digits, digits, count,
                        sums_.data());
      else
        kernels_.wide(weights_.wide(group) + weight, stride, groups, digits_.wide.get() + digit, digits, digits, count,
                      sums_.data(), high_.data());
      if (chunks() > 1)
        for (std::size_t s = 0; s < digits * tile_rows; ++s) totals_[s] += sum(s);
    }
  }

  Int128 sum(std::size_t place) const {
    const Int128 low = sums_[place];
    return narrow() ? low : low + (static_cast<Int128>(high_[place]) << wide_digit_bits);
  }

  // The carry pass over the digits of row r of the tile. Int is a signed integer that holds every term (see the header).
  template <class Int, class Sum>
  bool carry(LimbWriter& writer, std::size_t row, std::size_t j, const Sum& sum_at) {
    const std::size_t digits = digits_.count[j];
    const Int128* offsets = digits_.offsets.data() + j * digits_.most;
    const auto mask = (std::uint64_t{1} << digit_bits_) - 1;
    Int carry = 0;
    for (std::size_t d = 0; d < digits; ++d) {
      carry += sum_at(d) - static_cast<Int>(offsets[d]);
      if (d + 1 == digits) carry -= static_cast<Int>(weights_.sum(row)) << (x_.column(j).fraction % digit_bits_);
      writer.push(static_cast<std::uint64_t>(carry) & mask, digit_bits_);
      carry >>= digit_bits_;
    }
    return writer.finish(carry, sizeof(Int) == 8 ? 1 : 3);  // a carry of 64 bits is below 2^36
  }

  void finish(arb_ptr y, std::size_t row, std::size_t r, std::size_t j) {
    LimbWriter writer(limbs_.data());
    bool negative;
    if (chunks() > 1)
      negative = carry<Int128>(writer, row, j, [&](std::size_t d) { return totals_[d * tile_rows + r]; });
    else if (narrow())
      negative = carry<std::int64_t>(writer, row, j,
                                     [&](std::size_t d) { return static_cast<std::int64_t>(sums_[d * tile_rows + r]); });
    else
      negative = carry<Int128>(writer, row, j, [&](std::size_t d) { return sum(d * tile_rows + r); });

    rounding_.round_limbs(y, limbs_.data(), writer.size(), negative, row, j, radii_[j % SumRounding::together * tile_rows + r]);
  }

  const PreparedWeights& weights_;
  const FixedPointBlock& x_;
  const FixedPointBlock::Digits& digits_;
  const Kernels& kernels_;
  const SumRounding rounding_;
  const int digit_bits_;
  std::vector<std::uint64_t> sums_, high_;
  std::vector<Int128> totals_;
  std::vector<float> radii_;
  std::vector<mp_limb_t> limbs_;
};

}  // namespace

void digit_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const Kernels& kernels) {
  x.digits(weights.width());
  share_tiles(
      (weights.groups() + tile_groups - 1) / tile_groups, x.columns(), block_columns, [&] { return DigitSums(weights, x, kernels, bits); },
      [&](DigitSums& sums, std::size_t tile, std::size_t first, std::size_t last) {
        const std::size_t group = tile * tile_groups;
        sums.run(y, group, std::min(tile_groups, weights.groups() - group), first, last);
      });
}

}  // namespace snellen
