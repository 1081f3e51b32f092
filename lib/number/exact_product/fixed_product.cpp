#include "lib/number/exact_product/fixed_product.hpp"

#include <algorithm>
#include <bit>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/tile_shares.hpp"
#include "lib/number/fixed_lanes.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {
namespace {

constexpr slong guard_bits = 8;  // of the digits below `bits`, their sign among them
constexpr std::size_t block_columns = 8;
constexpr std::size_t cached_bytes = 1 << 20, most_at_once = 32;  // by bytes: processors with tiles have caches of 2 MiB a core
constexpr std::size_t more_words = 2;  // above the digits of a sum: |sum_k w_ik m'_k| < 2^(50 + 20 + B n - 1)

// Bits [bit, bit + width) of eight numbers, width <= 52; their signs above their digits.
SNELLEN_INLINE void take_bits(std::uint64_t* result, const std::uint64_t* x, std::size_t digits, const std::uint64_t* signs, std::size_t bit, int width) {
  const std::size_t j = bit / long_digit_bits, offset = bit % long_digit_bits;
  const std::uint64_t* low = j < digits ? x + j * long_lanes : signs;
  const std::uint64_t* high = j + 1 < digits ? x + (j + 1) * long_lanes : signs;
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  for (std::size_t l = 0; l < long_lanes; ++l) result[l] = ((low[l] & long_digit_mask) >> offset | high[l] << (long_digit_bits - offset)) & mask;
}

// m'' of a column, `count` digits of `width` bits each from bit `cut` on; their sums over the rows of a chunk in sums[chunk * count + d].
template <class Word>
SNELLEN_INLINE void cut_column(const FixedColumns& x, std::size_t c, std::size_t cut, std::size_t count, int width, Word* words, std::int64_t* sums) {
  const std::size_t digits = x.digits();
  for (std::size_t g = 0; g < x.groups(); ++g) {
    const std::uint64_t* group = x.group(c, g);
    const std::size_t rows = std::min(long_lanes, x.rows() - g * long_lanes);
    std::uint64_t signs[long_lanes], digit[long_lanes];
    signs_of(signs, group, digits);
    std::int64_t* sum = sums + g * long_lanes / sum_terms * count;
    for (std::size_t d = 0; d < count; ++d) {
      take_bits(digit, group, digits, signs, cut + d * static_cast<std::size_t>(width), width);
      const std::uint64_t flip = d + 1 == count ? std::uint64_t{1} << (width - 1) : 0;
      for (std::size_t l = 0; l < rows; ++l) {
        const std::uint64_t word = digit[l] ^ flip;
        words[(g * long_lanes + l) * count + d] = static_cast<Word>(word);
        sum[d] += static_cast<std::int64_t>(word);
      }
    }
  }
}
SNELLEN_MULTIVERSION void cut_narrow(const FixedColumns& x, std::size_t c, std::size_t cut, std::size_t count, std::uint32_t* words, std::int64_t* sums) {
  cut_column(x, c, cut, count, narrow_digit_bits, words, sums);
}
SNELLEN_MULTIVERSION void cut_wide(const FixedColumns& x, std::size_t c, std::size_t cut, std::size_t count, std::uint64_t* words, std::int64_t* sums) {
  cut_column(x, c, cut, count, wide_digit_bits, words, sums);
}

// totals += the sums of a chunk's products with signed weights, in digits that have been carried. A group's totals: [count + more_words][8].
SNELLEN_MULTIVERSION void add_narrow(std::int64_t* totals, const std::uint64_t* sums, const std::int64_t* digit_sums, std::size_t count) {
  std::int64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d <= count; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      if (d < count) carry[l] += static_cast<std::int64_t>(sums[d * tile_rows + l]) - digit_sums[d] * (std::int64_t{1} << 23);
      totals[d * long_lanes + l] += carry[l] & ((std::int64_t{1} << narrow_digit_bits) - 1);
      carry[l] >>= narrow_digit_bits;
    }
  for (std::size_t l = 0; l < long_lanes; ++l) totals[(count + 1) * long_lanes + l] += carry[l];
}
// A sum is low + 2^52 high; what is subtracted, 2^50 times a digit's sum, is cut at 2^52 too.
SNELLEN_MULTIVERSION void add_wide(std::int64_t* totals, const std::uint64_t* low, const std::uint64_t* high, const std::int64_t* digit_sums, std::size_t count) {
  std::int64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d <= count; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      if (d < count) carry[l] += static_cast<std::int64_t>(low[d * tile_rows + l] & long_digit_mask) - ((digit_sums[d] & 3) << 50);
      if (d > 0)
        carry[l] += static_cast<std::int64_t>(low[(d - 1) * tile_rows + l] >> wide_digit_bits) + static_cast<std::int64_t>(high[(d - 1) * tile_rows + l]) -
                    (digit_sums[d - 1] >> 2);
      totals[d * long_lanes + l] += carry[l] & static_cast<std::int64_t>(long_digit_mask);
      carry[l] >>= wide_digit_bits;
    }
  for (std::size_t l = 0; l < long_lanes; ++l) totals[(count + 1) * long_lanes + l] += carry[l];
}

// One group's totals, less 2^(width count - 1) times the sums of the weights, as words of `per_word` digits each: two's complement, `below` zeros below it, signs above
// it, `words` in all.
struct Form {
  std::size_t count, below, words;
};
template <int width, std::size_t per_word>
SNELLEN_INLINE void carry_words(std::uint64_t* words, std::int64_t* totals, const std::int64_t* weight_sums, const Form& f) {
  constexpr std::int64_t mask = (std::int64_t{1} << width) - 1;
  const std::size_t digits = f.count + more_words, whole = digits / per_word;
  for (std::size_t l = 0; l < long_lanes; ++l) {
    totals[(f.count - 1) * long_lanes + l] -= (weight_sums[l] & 1) * (std::int64_t{1} << (width - 1));
    totals[f.count * long_lanes + l] -= weight_sums[l] >> 1;
  }
  std::int64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      carry[l] += totals[d * long_lanes + l];
      totals[d * long_lanes + l] = carry[l] & mask;
      carry[l] >>= width;
    }
  // A carry is 0 or -1 in the end: the signs.
  std::fill_n(words, f.below * long_lanes, 0);
  words += f.below * long_lanes;
  constexpr std::uint64_t all = (std::uint64_t{1} << (width * static_cast<int>(per_word))) - 1;
  for (std::size_t j = 0; j < whole; ++j)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::int64_t* place = totals + j * per_word * long_lanes + l;
      words[j * long_lanes + l] = static_cast<std::uint64_t>(per_word == 1 ? place[0] : place[0] | place[long_lanes] << width);
    }
  std::size_t j = whole;
  if (digits % per_word != 0) {
    for (std::size_t l = 0; l < long_lanes; ++l)
      words[j * long_lanes + l] = (static_cast<std::uint64_t>(carry[l]) << width | static_cast<std::uint64_t>(totals[(digits - 1) * long_lanes + l])) & all;
    ++j;
  }
  for (; j < f.words - f.below; ++j)
    for (std::size_t l = 0; l < long_lanes; ++l) words[j * long_lanes + l] = static_cast<std::uint64_t>(carry[l]) & all;
}
constexpr std::size_t narrow_per_word = 2, wide_per_word = 1;
SNELLEN_MULTIVERSION void carry_narrow(std::uint64_t* words, std::int64_t* totals, const std::int64_t* weight_sums, const Form& f) {
  carry_words<narrow_digit_bits, narrow_per_word>(words, totals, weight_sums, f);
}
SNELLEN_MULTIVERSION void carry_wide(std::uint64_t* words, std::int64_t* totals, const std::int64_t* weight_sums, const Form& f) {
  carry_words<wide_digit_bits, wide_per_word>(words, totals, weight_sums, f);
}

// The same words of 56 bits from sums by bytes, [places][16] of which eight rows are taken: `own` words hold the number.
SNELLEN_MULTIVERSION void carry_bytes(std::uint64_t* words, const std::int32_t* sums, std::size_t places, std::size_t own, const Form& f) {
  std::fill_n(words, f.below * long_lanes, 0);
  words += f.below * long_lanes;
  std::int64_t carry[long_lanes] = {};
  for (std::size_t j = 0; j < own; ++j)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const auto at = [&](std::size_t p) __attribute__((always_inline)) { return 7 * j + p < places ? static_cast<std::int64_t>(sums[(7 * j + p) * byte_rows + l]) : 0; };
      // Four places and three: below 2^56 and 2^48.
      const std::int64_t low = carry[l] + at(0) + at(1) * 0x100 + at(2) * 0x10000 + at(3) * 0x1000000;
      const std::int64_t high = (low >> 32) + at(4) + at(5) * 0x100 + at(6) * 0x10000;
      words[j * long_lanes + l] = static_cast<std::uint64_t>((low & 0xffffffff) | (high & 0xffffff) << 32);
      carry[l] = high >> 24;
    }
  for (std::size_t j = own; j < f.words - f.below; ++j)
    for (std::size_t l = 0; l < long_lanes; ++l) words[j * long_lanes + l] = static_cast<std::uint64_t>(carry[l]) & ((std::uint64_t{1} << 56) - 1);
}

// The signed bytes of m' (byte_kernel.hpp), six of them at a time: with 128 added to each, they are the unsigned bytes of the sum.
SNELLEN_MULTIVERSION void cut_bytes(const FixedColumns& x, std::size_t c, std::size_t cut, std::size_t own, std::size_t places, std::uint8_t zero, std::uint8_t* bytes) {
  constexpr int at_once = 6, width = 8 * at_once;
  constexpr std::uint64_t offsets = 0x808080808080, all = (std::uint64_t{1} << width) - 1;
  const std::size_t digits = x.digits();
  const std::uint64_t flip = offsets ^ zero * std::uint64_t{0x010101010101};
  for (std::size_t g = 0; g < x.groups(); ++g) {
    const std::uint64_t* group = x.group(c, g);
    std::uint8_t* first = bytes + g / (byte_terms / long_lanes) * (places + byte_margin) * byte_terms + byte_margin * byte_terms + g % (byte_terms / long_lanes) * long_lanes;
    std::uint64_t signs[long_lanes], word[long_lanes], carry[long_lanes] = {};
    signs_of(signs, group, digits);
    for (std::size_t p = 0; p < own; p += at_once) {
      take_bits(word, group, digits, signs, cut + 8 * p, width);
      for (std::size_t l = 0; l < long_lanes; ++l) {
        const std::uint64_t sum = word[l] + offsets + carry[l];
        word[l] = (sum & all) ^ flip;
        carry[l] = sum >> width;
      }
      for (std::size_t b = 0; b < std::min<std::size_t>(at_once, own - p); ++b)
        for (std::size_t l = 0; l < long_lanes; ++l) first[(p + b) * byte_terms + l] = static_cast<std::uint8_t>(word[l] >> (8 * b));
    }
  }
}

// result[digits][8]: of each lane the bits from `bit` on.
SNELLEN_MULTIVERSION void shift_words(std::uint64_t* result, std::size_t digits, const std::uint64_t* words, const std::uint64_t* bits, int word_bits) {
  const auto width = static_cast<std::uint64_t>(word_bits);
  std::uint64_t place[long_lanes], offset[long_lanes];
  for (std::size_t l = 0; l < long_lanes; ++l) place[l] = bits[l] / width * long_lanes + l, offset[l] = bits[l] % width;
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::uint64_t low = words[place[l]], high = words[place[l] + long_lanes];
      result[d * long_lanes + l] = (low >> offset[l] | high << (width - offset[l])) & long_digit_mask;
      const std::uint64_t next = offset[l] + long_digit_bits, over = next >= width;
      offset[l] = next - over * width;
      place[l] += over * long_lanes;
    }
}

struct CutColumn {
  std::size_t count = 0, begin = 0;  // digits, and where they begin
  slong cut = 0, unit = 0;           // 2^unit is what m' counts
};

class FixedProduct {
 public:
  FixedProduct(const PreparedWeights& weights, const FixedColumns& x, FixedColumns& y, ProductPath path)
      : weights_(weights), x_(x), y_(y), kernels_(kernels_of(path)), byte_kernels_(byte_kernels_of(path)),
        bytes_(by_bytes(path) && ByteWeights::serves(weights) ? ByteWeights::of(weights) : nullptr), width_(narrow() ? narrow_digit_bits : wide_digit_bits), chunks_((x.rows() + sum_terms - 1) / sum_terms),
        columns_(x.columns()) {}

  void cut(long bits) {
    std::vector<slong> used_bits(columns_.size());
#pragma omp parallel for schedule(static)
    for (std::size_t c = 0; c < columns_.size(); ++c) used_bits[c] = x_.used_bits(c);
    std::size_t total = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      CutColumn& column = columns_[c];
      const slong used = used_bits[c], wanted = std::min<slong>(bits + guard_bits, used + 1);
      column.count = static_cast<std::size_t>((wanted + width_ - 1) / width_);
      column.cut = std::max<slong>(0, used + 1 - static_cast<slong>(column.count) * width_);
      column.unit = x_.unit(c) + column.cut;
      column.begin = total;
      total += column.count * x_.rows();
      most_ = std::max(most_, column.count);
    }
    if (bytes_) return cut_to_bytes();
    if (narrow()) narrow_ = std::make_unique_for_overwrite<std::uint32_t[]>(total);
    else wide_ = std::make_unique_for_overwrite<std::uint64_t[]>(total);
    digit_sums_.assign(columns_.size() * chunks_ * most_, 0);
#pragma omp parallel for schedule(static)
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const CutColumn& column = columns_[c];
      const auto from = static_cast<std::size_t>(column.cut);
      if (narrow()) cut_narrow(x_, c, from, column.count, narrow_.get() + column.begin, digit_sums(c));
      else cut_wide(x_, c, from, column.count, wide_.get() + column.begin, digit_sums(c));
    }
  }

  const CutColumn& column(std::size_t c) const { return columns_[c]; }

  // At least |x_c|_2, of each column.
  std::vector<Magnitude> norms() const {
    std::vector<Magnitude> result(columns_.size());
#pragma omp parallel for schedule(static)
    for (std::size_t c = 0; c < columns_.size(); ++c) result[c] = x_.norm(c);
    return result;
  }

  void multiply() const {
    if (bytes_) return multiply_bytes();
    share_tiles(
        (weights_.groups() + tile_groups - 1) / tile_groups, columns_.size(), block_columns, [&] { return Room(most_, y_.digits()); },
        [&](Room& room, std::size_t tile, std::size_t first, std::size_t last) {
          const std::size_t group = tile * tile_groups;
          for (std::size_t c = first; c < last; ++c) multiply(group, std::min(tile_groups, weights_.groups() - group), c, room);
        });
  }

 private:
  struct Room {
    std::vector<std::uint64_t> sums, high, words;
    std::vector<std::int64_t> totals;
    Room(std::size_t digits, std::size_t out)
        : sums(digits * tile_rows), high(sums.size()), words((2 * out + digits + 8) * long_lanes), totals(tile_groups * (digits + more_words) * long_lanes) {}
  };
  // What one thread needs for sums by bytes.
  struct ByteRoom {
    ByteSession session;
    Room room;
    std::vector<std::int32_t> sums;
  };
  bool narrow() const { return weights_.width() == WeightWidth::narrow; }
  std::int64_t* digit_sums(std::size_t c) { return digit_sums_.data() + c * chunks_ * most_; }
  const std::int64_t* digit_sums(std::size_t c) const { return digit_sums_.data() + c * chunks_ * most_; }

  // Bytes of m': |m'| < 2^(28 count - 1) is below 127 2^(8 (own - 1)) with one byte more.
  static std::size_t own_bytes_of(std::size_t count) { return count * narrow_digit_bits / 8 + 1; }
  std::size_t own_bytes(std::size_t c) const { return own_bytes_of(columns_[c].count); }
  std::size_t places(std::size_t c) const { return byte_places(own_bytes(c)); }
  std::uint8_t* byte_vector(std::size_t c) const { return vectors_.get() + columns_[c].begin; }

  void cut_to_bytes() {
    std::size_t total = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) columns_[c].begin = total, total += byte_vector_size(bytes_->chunks(), places(c));
    vectors_ = std::make_unique_for_overwrite<std::uint8_t[]>(total);  // each thread touches its own first
#pragma omp parallel for schedule(static)
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      std::fill_n(byte_vector(c), byte_vector_size(bytes_->chunks(), places(c)), byte_kernels_.zero);
      cut_bytes(x_, c, static_cast<std::size_t>(columns_[c].cut), own_bytes(c), places(c), byte_kernels_.zero, byte_vector(c));
    }
  }

  void multiply_bytes() const {
    // As many columns at a time as keep their digits in the cache while the weights pass.
    const std::size_t at_once = std::clamp(cached_bytes / byte_vector_size(bytes_->chunks(), byte_places(own_bytes_of(most_))), block_columns, most_at_once);
    share_tiles(
        (weights_.rows() + byte_rows - 1) / byte_rows, columns_.size(), at_once, [&] { return ByteRoom{ByteSession(byte_kernels_), Room(most_, y_.digits()), {}}; },
        [&](ByteRoom& own, std::size_t tile, std::size_t first, std::size_t last) {
          for (std::size_t c = first; c < last; ++c) {
            const std::size_t wanted = byte_kernels_.wanted(*bytes_, own_bytes(c));
            own.sums.resize(wanted * byte_rows);
            byte_kernels_.sums(*bytes_, tile, byte_vector(c), places(c), wanted, own.sums.data());
            for (std::size_t g = 2 * tile; g < std::min(weights_.groups(), 2 * tile + 2); ++g)
              finish(own.room, g, c, [&](const Form& form, const std::int64_t*, std::size_t words) {
                carry_bytes(own.room.words.data(), own.sums.data() + g % 2 * group_rows, wanted, words, form);
              });
          }
        });
  }

  void multiply(std::size_t first_group, std::size_t groups, std::size_t c, Room& room) const {
    const CutColumn& column = columns_[c];
    const std::size_t in = x_.rows(), stride = in * group_rows, count = column.count, size = (count + more_words) * long_lanes;
    std::fill(room.totals.begin(), room.totals.end(), 0);
    for (std::size_t chunk = 0; chunk < chunks_; ++chunk) {
      const std::size_t k = chunk * sum_terms, terms = std::min(sum_terms, in - k), weight = k * group_rows, digit = column.begin + k * count;
      const std::int64_t* digit_sum = digit_sums(c) + chunk * count;
      if (narrow()) kernels_.narrow(weights_.narrow(first_group) + weight, stride, groups, narrow_.get() + digit, count, count, terms, room.sums.data());
      else kernels_.wide(weights_.wide(first_group) + weight, stride, groups, wide_.get() + digit, count, count, terms, room.sums.data(), room.high.data());
      for (std::size_t g = 0; g < groups; ++g) {
        const std::uint64_t* sums = room.sums.data() + g * group_rows;
        if (narrow()) add_narrow(room.totals.data() + g * size, sums, digit_sum, count);
        else add_wide(room.totals.data() + g * size, sums, room.high.data() + g * group_rows, digit_sum, count);
      }
    }
    for (std::size_t g = 0; g < groups; ++g)
      finish(room, first_group + g, c, [&](const Form& form, const std::int64_t* weight_sums, std::size_t) {
        if (narrow()) carry_narrow(room.words.data(), room.totals.data() + g * size, weight_sums, form);
        else carry_wide(room.words.data(), room.totals.data() + g * size, weight_sums, form);
      });
  }

  // carry(form, sums of the weights, own words) writes the words of a group's sums.
  template <class Carry>
  void finish(Room& room, std::size_t group, std::size_t c, const Carry& carry) const {
    const CutColumn& column = columns_[c];
    const std::size_t out = y_.digits(), per_word = narrow() ? narrow_per_word : wide_per_word, own = (column.count + more_words + per_word - 1) / per_word;
    const slong word_bits = width_ * static_cast<slong>(per_word), out_bits = static_cast<slong>(out) * long_digit_bits;
    std::int64_t weight_sums[group_rows];
    slong first[group_rows];  // the bit of the sum where y's begin
    for (std::size_t l = 0; l < group_rows; ++l) {
      const std::size_t row = group * group_rows + l;
      const bool there = row < weights_.rows();
      weight_sums[l] = there ? static_cast<std::int64_t>(weights_.sum(row)) : 0;
      // A row of zeros may have any scale; above the sum all bits are signs.
      first[l] = there ? std::clamp(y_.unit(c) - column.unit - weights_.scale(row), -out_bits, static_cast<slong>(own) * word_bits) : 0;
    }
    const auto [least, most] = std::minmax_element(first, first + group_rows);
    const slong below = *least < 0 ? (word_bits - 1 - *least) / word_bits : 0;
    const Form form{column.count, static_cast<std::size_t>(below), static_cast<std::size_t>(below + std::max(static_cast<slong>(own), (*most + out_bits) / word_bits + 2))};
    std::uint64_t bits[group_rows];
    for (std::size_t l = 0; l < group_rows; ++l) bits[l] = static_cast<std::uint64_t>(first[l] + below * word_bits);
    carry(form, weight_sums, own);
    shift_words(y_.group(c, group), out, room.words.data(), bits, static_cast<int>(word_bits));
  }

  const PreparedWeights& weights_;
  const FixedColumns& x_;
  FixedColumns& y_;
  const Kernels& kernels_;
  const ByteKernels& byte_kernels_;
  const std::shared_ptr<const ByteWeights> bytes_;  // or null: by the kernels' digits
  const int width_;
  const std::size_t chunks_;
  std::vector<CutColumn> columns_;
  std::size_t most_ = 0;
  std::unique_ptr<std::uint32_t[]> narrow_;  // [in][count] of each column
  std::unique_ptr<std::uint64_t[]> wide_;
  std::unique_ptr<std::uint8_t[]> vectors_;
  std::vector<std::int64_t> digit_sums_;     // [columns][chunks][count]
};

}  // namespace

std::optional<FixedColumns> fixed_product(const PreparedWeights& weights, std::span<const Magnitude> row_norms, const FixedColumns& x, long bits, ProductPath path) {
  // The sums of a row's weights have to fit 62 bits.
  if (weights.columns() != x.rows() || !weights.fits() || weights.tail_size() > 0 || weights.sum_bits() > 62) return {};
  Magnitude largest, squares;
  for (const Magnitude& norm : row_norms) {
    if (largest < norm) largest = norm;
    squares += norm * norm;
  }
  Magnitude frobenius = squares;
  mag_sqrt(frobenius.get(), frobenius.get());

  FixedColumns y(weights.rows(), x.columns(), x.digits());
  FixedProduct product(weights, x, y, path);
  product.cut(bits);
  const std::vector<Magnitude> norms = product.norms();
  std::vector<Magnitude> cuts;
  for (std::size_t c = 0; c < x.columns(); ++c) {
    cuts.push_back(product.column(c).cut > 0 ? root_of(x.rows()) * two_to(product.column(c).unit) : Magnitude());
    const Magnitude bound = largest * (norms[c] + cuts[c]);
    if (mag_cmp_2exp_si(bound.get(), FixedColumns::most_top) >= 0) return {};
    y.column(c).top = mag_cmp_2exp_si(bound.get(), -FixedColumns::most_top) < 0 ? -FixedColumns::most_top : MAG_EXP(bound.get());
  }
  product.multiply();
  for (std::size_t c = 0; c < x.columns(); ++c) y.column(c).error = frobenius * (x.column(c).error + cuts[c]) + root_of(y.rows()) * two_to(y.unit(c));
  return y;
}

}  // namespace snellen
