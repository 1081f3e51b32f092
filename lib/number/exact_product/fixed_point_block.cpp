#include "lib/number/exact_product/fixed_point_block.hpp"

#include <algorithm>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/grid.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {
namespace {

constexpr std::size_t parallel_entries = 4096;  // below that, threads cost more than they bring

// Balls are read row by row, some columns at a time: they lie side by side there, and stay near until they are read once more.
constexpr std::size_t columns_together = 16;
// The processor does not guess the next row of a few columns: it is asked for some rows ahead.
constexpr std::size_t rows_ahead = 8;
void ask_for_row(const BallMatrix& x, std::size_t k, std::size_t begin, std::size_t end) {
  if (k >= x.rows()) return;
  for (std::size_t j = begin; j < end; ++j) __builtin_prefetch(x(k, j));
}

constexpr mp_limb_t offsets = 0x8080808080808080;  // 128 in each byte

// Eight rows of digits, of a chunk's limbs.
SNELLEN_MULTIVERSION void store_bytes(std::uint8_t* bytes, const mp_limb_t* limbs, std::uint8_t flip) {
  for (std::size_t b = 0; b < sizeof(mp_limb_t); ++b)
    for (std::size_t k = 0; k < byte_terms; ++k) bytes[b * byte_terms + k] = static_cast<std::uint8_t>(limbs[k] >> (8 * b)) ^ flip;
}

}  // namespace

bool FixedPointBlock::worth_threads() const { return rows() * columns() >= parallel_entries; }

FixedPointBlock::FixedPointBlock(const BallMatrix& x, long bits) : x_(x), columns_(x.columns()) {
  const std::size_t width = radius_columns();
  radii_.assign((columns() + width - 1) / width * width * rows(), 0.0f);
#pragma omp parallel for schedule(static) if (worth_threads())
  for (std::size_t begin = 0; begin < columns(); begin += columns_together) {
    const std::size_t end = std::min(columns(), begin + columns_together);
    choose_grids(begin, end, bits);
    enclose_errors(begin, end);
  }
}

void FixedPointBlock::choose_grids(std::size_t begin, std::size_t end, long bits) {
  std::vector<GridChoice> choices(end - begin);
  for (std::size_t k = 0; k < rows(); ++k) {
    ask_for_row(x_, k + rows_ahead, begin, end);
    for (std::size_t j = begin; j < end; ++j) choices[j - begin].look(x_(k, j));
  }
  std::vector<std::size_t> asking;
  for (std::size_t j = begin; j < end; ++j)
    if (choices[j - begin].more_asked(bits)) asking.push_back(j);
  for (std::size_t k = 0; k < rows() && !asking.empty(); ++k) {
    ask_for_row(x_, k + rows_ahead, begin, end);
    for (const std::size_t j : asking) choices[j - begin].ask(x_(k, j), bits);
  }
  for (std::size_t j = begin; j < end; ++j) {
    const Grid grid = choices[j - begin].grid(bits);
    Column& column = columns_[j];
    column.fits = grid.fits;
    if (!grid.fits) continue;
    column.fraction = grid.fraction;
    column.unit = grid.unit();
    column.radius_exponent = std::max(grid.radius, column.unit + 1);
  }
}

void FixedPointBlock::enclose_errors(std::size_t begin, std::size_t end) {
  const std::size_t width = radius_columns();
  for (std::size_t k = 0; k < rows(); ++k)
    for (std::size_t j = begin; j < end; ++j) {
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

void FixedPointBlock::integer(mp_limb_t* number, slong limbs, std::size_t k, std::size_t j) const {
  const arf_struct* x = arb_midref(x_(k, j));
  // |m| is the first integer_bits bits of x's mantissa.
  const slong integer_bits = arf_is_zero(x) ? 0 : ARF_EXP(x) - columns_[j].unit;
  if (integer_bits > 0) first_bits(number, limbs, mantissa(x), integer_bits, ARF_SGNBIT(x) != 0);
  else std::fill_n(number, limbs, 0);
}

// The digits, and their sums over the columns in `offsets`.
template <int digit_bits, class Word>
void FixedPointBlock::cut(Digits& digits, Word* words) const {
  slong most_fraction = 0;
  for (const Column& column : columns_) most_fraction = std::max(most_fraction, column.fraction);
#pragma omp parallel if (worth_threads())
  {
    std::vector<mp_limb_t> number(static_cast<std::size_t>(most_fraction / FLINT_BITS + 2));
#pragma omp for schedule(static)
    for (std::size_t k = 0; k < rows(); ++k)
      for (std::size_t j = 0; j < columns(); ++j) {
        const Column& column = columns_[j];
        if (!column.fits) continue;
        // m + 2^fraction, positive, in `limbs` limbs and one above them to read digits from.
        const auto limbs = static_cast<slong>(column.fraction / FLINT_BITS + 1);
        integer(number.data(), limbs, k, j);
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

const FixedPointBlock::Bytes& FixedPointBlock::bytes(std::uint8_t zero) const {
  const std::size_t place = zero == 0 ? 0 : 1;
  std::call_once(made_bytes_[place], [&] { make(bytes_[place], zero); });
  return bytes_[place];
}

// The digits of m are the bytes of m + sum_p 128 256^p, each less 128.
void FixedPointBlock::make(Bytes& bytes, std::uint8_t zero) const {
  const std::size_t chunks = byte_chunks(rows());
  std::size_t total = 0, most = 0;
  for (const Column& column : columns_) {
    // |m| < 2^fraction <= 2^(8 own - 2) is below the largest number of `own` digits, 127 (256^own - 1) / 255.
    const std::size_t own = column.fits ? static_cast<std::size_t>(column.fraction + 9) / 8 : 0;
    bytes.begin.push_back(total), bytes.own.push_back(own);
    if (own > 0) total += byte_vector_size(chunks, byte_places(own));
    most = std::max(most, own);
  }
  bytes.digits = std::make_unique_for_overwrite<std::uint8_t[]>(total);
  const std::size_t most_limbs = (most + sizeof(mp_limb_t) - 1) / sizeof(mp_limb_t);
#pragma omp parallel if (worth_threads())
  {
    std::vector<mp_limb_t> number(most_limbs), limbs(columns_together * most_limbs * byte_terms);
#pragma omp for collapse(2) schedule(static)
    for (std::size_t begin = 0; begin < columns(); begin += columns_together)
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const std::size_t end = std::min(columns(), begin + columns_together), first = chunk * byte_terms, count = std::min(byte_terms, rows() - first);
        for (std::size_t k = 0; k < count; ++k) {
          ask_for_row(x_, first + k + rows_ahead, begin, end);
          for (std::size_t j = begin; j < end; ++j) {
            const std::size_t used = (bytes.own[j] + sizeof(mp_limb_t) - 1) / sizeof(mp_limb_t);
            if (used == 0) continue;
            integer(number.data(), static_cast<slong>(used), first + k, j);
            mp_limb_t* to = &limbs[(j - begin) * most_limbs * byte_terms + k];
            mp_limb_t carry = 0;
            for (std::size_t l = 0; l < used; ++l) {
              const mp_limb_t sum = number[l] + offsets, carried = sum + carry;
              carry = (sum < offsets) | (carried < sum);
              to[l * byte_terms] = carried;
            }
          }
        }
        for (std::size_t j = begin; j < end; ++j)
          if (bytes.own[j] > 0) store(bytes, zero, j, chunk, &limbs[(j - begin) * most_limbs * byte_terms], count);
      }
  }
}

// A chunk's `count` numbers, [limb][64], as rows of digits.
void FixedPointBlock::store(Bytes& bytes, std::uint8_t zero, std::size_t j, std::size_t chunk, mp_limb_t* limbs, std::size_t count) const {
  constexpr std::size_t limb_bytes = sizeof(mp_limb_t);
  const std::size_t own = bytes.own[j], places = byte_places(own), whole = own / limb_bytes, left = own % limb_bytes;
  const std::uint8_t flip = zero ^ 128;
  for (std::size_t l = 0; l * limb_bytes < own; ++l) std::fill_n(limbs + l * byte_terms + count, byte_terms - count, offsets);
  std::uint8_t* to = bytes.digits.get() + bytes.begin[j] + byte_vector_size(chunk, places);
  std::fill_n(to, byte_margin * byte_terms, zero);
  to += byte_margin * byte_terms;
  for (std::size_t l = 0; l < whole; ++l) store_bytes(to + l * limb_bytes * byte_terms, limbs + l * byte_terms, flip);
  if (left > 0) {
    std::uint8_t rest[limb_bytes * byte_terms];
    store_bytes(rest, limbs + whole * byte_terms, flip);
    std::copy_n(rest, left * byte_terms, to + whole * limb_bytes * byte_terms);
  }
  std::fill_n(to + own * byte_terms, (places - own) * byte_terms, zero);
}

}  // namespace snellen
