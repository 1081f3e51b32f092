#include "lib/number/exact_product/fixed_point_block.hpp"

#include <algorithm>

#include "lib/number/exact_product/grid.hpp"
#include "lib/number/exact_product/kernels.hpp"

namespace snellen {
namespace {

constexpr std::size_t parallel_entries = 4096;  // below that, threads cost more than they bring
}  // namespace

FixedPointBlock::FixedPointBlock(const BallMatrix& x, long bits) : x_(x), columns_(x.columns()) {
  choose_grids(bits);
  enclose_errors();
}

void FixedPointBlock::choose_grids(long bits) {
#pragma omp parallel for schedule(static) if (rows() * columns() >= parallel_entries)
  for (std::size_t j = 0; j < columns(); ++j) {
    const Grid grid = choose_grid(rows(), [&](std::size_t k) { return x_(k, j); }, bits);
    Column& column = columns_[j];
    column.fits = grid.fits;
    if (!grid.fits) continue;
    column.fraction = grid.fraction;
    column.unit = grid.unit();
    column.radius_exponent = std::max(grid.radius, column.unit + 1);
  }
}

void FixedPointBlock::enclose_errors() {
  const std::size_t width = radius_columns();
  radii_.assign((columns() + width - 1) / width * width * rows(), 0.0f);
#pragma omp parallel for schedule(static) if (rows() * columns() >= parallel_entries)
  for (std::size_t k = 0; k < rows(); ++k)
    for (std::size_t j = 0; j < columns(); ++j) {
      const Column& column = columns_[j];
      if (!column.fits) continue;
      arb_srcptr x = x_(k, j);
      const mag_struct* radius = arb_radref(x);
      float error = mag_is_zero(radius) ? 0 : scaled_float(MAG_MAN(radius), MAG_EXP(radius) - MAG_BITS - column.radius_exponent);
      if (!arf_is_zero(arb_midref(x)) && last_bit(arb_midref(x)) < column.unit)
        error += scaled_float(1, column.unit - column.radius_exponent);
      radii_[(j / width * rows() + k) * width + j % width] = error;
    }
}

const FixedPointBlock::Digits& FixedPointBlock::digits(WeightWidth width) const {
  const auto place = static_cast<std::size_t>(width);
  std::call_once(made_[place], [&] { make(digits_[place], width); });
  return digits_[place];
}

void FixedPointBlock::make(Digits& digits, WeightWidth width) const {
  const int digit_bits = width == WeightWidth::narrow ? narrow_digit_bits : wide_digit_bits;
  std::size_t total = 0;
  for (const Column& column : columns_) {
    digits.begin.push_back(total);
    digits.count.push_back(column.fits ? static_cast<std::size_t>(column.fraction / digit_bits + 1) : 0);
    digits.most = std::max(digits.most, digits.count.back());
    total += digits.count.back() * rows();
  }
  digits.offsets.assign(columns() * digits.most, 0);
  if (width == WeightWidth::narrow) {
    digits.narrow = std::make_unique_for_overwrite<std::uint32_t[]>(total);
    cut<narrow_digit_bits>(digits, digits.narrow.get());
  } else {
    digits.wide = std::make_unique_for_overwrite<std::uint64_t[]>(total);
    cut<wide_digit_bits>(digits, digits.wide.get());
  }
  for (Int128& offset : digits.offsets) offset <<= weight_bits(width) - 1;
}

// The digits, and their sums over the columns in `offsets`.
template <int digit_bits, class Word>
void FixedPointBlock::cut(Digits& digits, Word* words) const {
  slong most_fraction = 0;
  for (const Column& column : columns_) most_fraction = std::max(most_fraction, column.fraction);
#pragma omp parallel if (rows() * columns() >= parallel_entries)
  {
    std::vector<mp_limb_t> number(static_cast<std::size_t>(most_fraction / FLINT_BITS + 2));
#pragma omp for schedule(static)
    for (std::size_t k = 0; k < rows(); ++k)
      for (std::size_t j = 0; j < columns(); ++j) {
        const Column& column = columns_[j];
        if (!column.fits) continue;
        const arf_struct* x = arb_midref(x_(k, j));
        // m + 2^fraction, positive, in `limbs` limbs and one above them to read digits from.
        const auto limbs = static_cast<slong>(column.fraction / FLINT_BITS + 1);
        // |m| is the first integer_bits bits of x's mantissa.
        const slong integer_bits = arf_is_zero(x) ? 0 : ARF_EXP(x) - column.unit;
        if (integer_bits > 0) first_bits(number.data(), limbs, mantissa(x), integer_bits, ARF_SGNBIT(x) != 0);
        else std::fill_n(number.begin(), limbs, 0);
        number[static_cast<std::size_t>(limbs) - 1] += mp_limb_t{1} << (column.fraction % FLINT_BITS);
        number[static_cast<std::size_t>(limbs)] = 0;
        Word* word = words + digits.begin[j] + k * digits.count[j];
        for (std::size_t d = 0; d < digits.count[j]; ++d)
          word[d] = static_cast<Word>(digit_at<digit_bits>(number.data(), d * digit_bits));
      }
#pragma omp for schedule(static)
    for (std::size_t j = 0; j < columns(); ++j) {
      const std::size_t count = digits.count[j];
      const Word* word = words + digits.begin[j];
      for (std::size_t k = 0; k < rows(); k += sum_terms) {  // whose sums of digits fit 64 bits
        std::vector<std::uint64_t> sum(count, 0);
        for (std::size_t end = std::min(rows(), k + sum_terms), i = k; i < end; ++i)
          for (std::size_t d = 0; d < count; ++d) sum[d] += word[i * count + d];
        for (std::size_t d = 0; d < count; ++d) digits.offsets[j * digits.most + d] += sum[d];
      }
    }
  }
}

}  // namespace snellen
