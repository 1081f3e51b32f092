#include "lib/number/exact_product/fixed_point_block.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "lib/number/exact_product/kernels.hpp"

namespace snellen {
namespace {

constexpr std::size_t parallel_entries = 4096;  // below that, threads cost more than they bring
constexpr slong guard_bits = 7;         // of the grid below `bits`
constexpr slong most_extra_bits = 64;   // of the grid, for columns with outliers
// Bits of a ball's midpoint below the exponent of its radius that are kept: where every entry is served, and where the mean
// decides.
constexpr slong radius_bits = 7, radius_bits_of_mean = 3;
constexpr slong exponent_limit = slong{1} << 40;
constexpr slong least = std::numeric_limits<slong>::min(), greatest = std::numeric_limits<slong>::max();

bool tame(const fmpz& exponent) { return !COEFF_IS_MPZ(exponent) && exponent > -exponent_limit && exponent < exponent_limit; }

bool tame(arb_srcptr x) {
  return arb_is_finite(x) && tame(ARF_EXP(arb_midref(x))) && tame(MAG_EXP(arb_radref(x)));
}

struct Mantissa {
  mp_srcptr limbs;
  mp_size_t size;
};

Mantissa mantissa(const arf_struct* x) {  // x finite and not zero; the top bit of the top limb is set, the lowest limb is not zero
  Mantissa m;
  ARF_GET_MPN_READONLY(m.limbs, m.size, x);
  return m;
}

// The integer of the first `bits` > 0 bits of a mantissa, or its negative modulo 2^(64 size).
void first_bits(mp_limb_t* number, slong size, Mantissa m, slong bits, bool negative) {
  const slong used = (bits + FLINT_BITS - 1) / FLINT_BITS;
  const slong missing = used - m.size;  // limbs that the mantissa has not: zeros below it
  const auto shift = static_cast<unsigned>(FLINT_BITS * used - bits);
  const auto limb = [&](slong i) { return i < missing || i >= used ? mp_limb_t{0} : m.limbs[i - missing]; };
  mp_limb_t carry = negative, flip = negative ? ~mp_limb_t{0} : 0;
  for (slong i = 0; i < size; ++i) {
    const mp_limb_t word = shift == 0 ? limb(i) : limb(i) >> shift | limb(i + 1) << (FLINT_BITS - shift);
    number[i] = (word ^ flip) + carry;
    carry = carry && number[i] == 0;
  }
}

// The exponent of the last bit that is set; x is not zero.
slong last_bit(const arf_struct* x) {
  const Mantissa m = mantissa(x);
  return ARF_EXP(x) - FLINT_BITS * m.size + std::countr_zero(m.limbs[0]);
}

// The unit that serves an entry so well that it costs nothing (2^-6 of its radius at most), and the one that serves it well
// enough; x is not zero.
slong finest_unit(arb_srcptr x) {
  const slong last = last_bit(arb_midref(x));
  return mag_is_zero(arb_radref(x)) ? last : std::max(last, MAG_EXP(arb_radref(x)) - radius_bits);
}
slong sufficient_unit(arb_srcptr x) {
  return mag_is_zero(arb_radref(x)) ? last_bit(arb_midref(x)) : MAG_EXP(arb_radref(x)) - radius_bits_of_mean;
}

// significand 2^exponent <= 1 as a float, with one rounding; 2^-100 where it is less than that, and more than zero.
float scaled(std::uint64_t significand, slong exponent) {
  if (significand == 0) return 0;
  if (exponent < -200) return 0x1p-100f;
  const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  return std::max(0x1p-100f, static_cast<float>(static_cast<double>(significand) * power));
}

}  // namespace

FixedPointBlock::FixedPointBlock(const BallMatrix& x, long bits) : x_(x), columns_(x.columns()) {
  choose_grids(bits);
  enclose_errors();
}

void FixedPointBlock::choose_grids(long bits) {
  const std::size_t count = columns();
  std::vector<slong> top(count, least), finest(count, greatest), radius(count, least), nonzero(count, 0);
  std::vector<slong> sufficient(rows() * count, greatest);  // greatest: no wish
  for (std::size_t k = 0; k < rows(); ++k)
    for (std::size_t j = 0; j < count; ++j) {
      arb_srcptr x = x_(k, j);
      if (!tame(x)) columns_[j].fits = false;
      if (!columns_[j].fits) continue;
      if (!mag_is_zero(arb_radref(x))) radius[j] = std::max<slong>(radius[j], MAG_EXP(arb_radref(x)));
      if (arf_is_zero(arb_midref(x))) continue;
      top[j] = std::max<slong>(top[j], ARF_EXP(arb_midref(x)));
      sufficient[k * count + j] = sufficient_unit(x);
      finest[j] = std::min(finest[j], finest_unit(x));
      ++nonzero[j];
    }
  const slong most = bits + guard_bits + most_extra_bits;
  std::vector<slong> asked(count, 0);  // the sum of what the entries ask for, in bits below the largest
  for (std::size_t k = 0; k < rows(); ++k)
    for (std::size_t j = 0; j < count; ++j)
      if (sufficient[k * count + j] != greatest)
        asked[j] += std::clamp<slong>(top[j] - sufficient[k * count + j], 1, most);
  for (std::size_t j = 0; j < count; ++j) {
    Column& column = columns_[j];
    if (!column.fits) continue;
    if (nonzero[j] == 0) {
      top[j] = radius[j] == least ? 0 : radius[j];
    } else if (top[j] - finest[j] <= bits + guard_bits) {
      column.fraction = std::max<slong>(1, top[j] - finest[j]);
    } else {
      column.fraction = std::clamp<slong>(asked[j] / nonzero[j], bits + guard_bits, most);
    }
    column.unit = top[j] - column.fraction;
    column.radius_exponent = std::max(radius[j], column.unit + 1);
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
      float error = mag_is_zero(radius) ? 0 : scaled(MAG_MAN(radius), MAG_EXP(radius) - MAG_BITS - column.radius_exponent);
      if (!arf_is_zero(arb_midref(x)) && last_bit(arb_midref(x)) < column.unit)
        error += scaled(1, column.unit - column.radius_exponent);
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
  constexpr std::uint64_t mask = (std::uint64_t{1} << digit_bits) - 1;
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
        for (std::size_t d = 0; d < digits.count[j]; ++d) {
          const std::size_t bit = d * digit_bits, limb = bit / FLINT_BITS, shift = bit % FLINT_BITS;
          std::uint64_t bits = number[limb] >> shift;
          if (shift > 0) bits |= number[limb + 1] << (FLINT_BITS - shift);
          word[d] = static_cast<Word>(bits & mask);
        }
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
