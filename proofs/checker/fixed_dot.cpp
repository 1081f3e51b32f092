#include "proofs/checker/fixed_dot.hpp"

#include <gmp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace snellen::check {
namespace {

constexpr std::size_t lanes = DigitKernel::lanes, streams = DigitKernel::streams;
constexpr long digit_bits = DigitKernel::digit_bits;
constexpr std::int64_t base = std::int64_t{1} << digit_bits;
constexpr long spare_bits = 64;     // of entries far below the largest
constexpr long radius_bits = 40;    // of the widest entry's width
constexpr std::size_t carries = 3;  // digits above a sum's: of at most 2^63

struct Integer {
  Integer() { mpz_init(value); }
  ~Integer() { mpz_clear(value); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  mpz_t value;
};

// In [0, 2^21).
using Words = std::vector<std::uint32_t>;

// The sum of words[k] 2^(21 k).
void read_words(mpz_t value, const Words& words) { mpz_import(value, words.size(), -1, sizeof(std::uint32_t), 0, 32 - digit_bits, words.data()); }

// |value| in such words, all of `words` set.
void write_words(Words& words, const mpz_t value) {
  std::size_t count = 0;
  if (mpz_sizeinbase(value, 2) > words.size() * digit_bits) throw std::logic_error("FixedVector: an entry beyond the largest");
  std::fill(words.begin(), words.end(), 0U);
  mpz_export(words.data(), &count, -1, sizeof(std::uint32_t), 0, 32 - digit_bits, value);
}

// From the digit that carries leave of a word to one in (-2^20, 2^20].
std::int64_t balanced(std::int64_t digit, std::int64_t& carry) {
  carry = digit > base / 2 ? 1 : 0;
  return digit - carry * base;
}

// The same number in digits of [0, 2^21), but for the last, which keeps the sign.
void carry_over(std::vector<std::int64_t>& sum) {
  for (std::size_t k = 0; k + 1 < sum.size(); ++k) {
    const std::int64_t digit = sum[k] & (base - 1);
    sum[k + 1] += (sum[k] - digit) / base;
    sum[k] = digit;
  }
}

// After carry_over.
void read_sum(mpz_t value, std::vector<std::int64_t>& sum) {
  const bool negative = sum.back() < 0;
  if (negative) {
    for (std::int64_t& digit : sum) digit = -digit;
    carry_over(sum);
  }
  read_words(value, Words(sum.begin(), sum.end()));
  if (negative) mpz_neg(value, value);
}

// Of numbers that are not negative, in sums beside one another.
double product(const std::vector<double>& x, const std::vector<double>& y) {
  constexpr std::size_t beside = 8;
  std::array<double, beside> sums{};
  std::size_t j = 0;
  for (; j + beside <= x.size(); j += beside)
    for (std::size_t l = 0; l < beside; ++l) sums[l] += x[j + l] * y[j + l];
  for (; j < x.size(); ++j) sums[0] += x[j] * y[j];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Both have an entry that is not zero at the same place; their product may yet be too small for a double.
bool meet(const std::vector<double>& x, const std::vector<double>& y) {
  for (std::size_t j = 0; j < x.size(); ++j)
    if (x[j] != 0 && y[j] != 0) return true;
  return false;
}

// Digits that hold every integer below 2^bits.
std::size_t digits_of(long bits) { return static_cast<std::size_t>(bits / digit_bits + 1); }

}  // namespace

FixedVector::FixedVector(const Vector& x, long bits) : size_(x.size()) {
  finite_ = is_finite(x);
  if (!finite_) return;
  const long nothing = mpfr_get_emin();
  long top = nothing, widest = nothing;
  Dyadic width(53);
  for (const Number& entry : x) {
    for (mpfr_srcptr end : {lower(entry), upper(entry)})
      if (!mpfr_zero_p(end)) top = std::max(top, static_cast<long>(mpfr_get_exp(end)));
    mpfr_sub(width.get(), upper(entry), lower(entry), MPFR_RNDU);
    if (!mpfr_zero_p(width.get())) widest = std::max(widest, static_cast<long>(mpfr_get_exp(width.get())));
  }
  if (top == nothing) top = 0;
  unit_ = std::max(top - bits - spare_bits, widest - radius_bits);
  const std::size_t digits = digits_of(std::max(0L, top - unit_));  // |magnitude| < 2^(top - unit), or nothing is left of it
  blocks_ = (digits + lanes - 1) / lanes;
  digits_.resize(blocks_ * size_ * lanes);
  Integer integer;
  Words words(digits);
  const auto wide = static_cast<mpfr_prec_t>(bits + 2 * spare_bits);
  Dyadic middle(wide), below(53), above(53);
  std::vector<Dyadic> radii;
  long largest = nothing;
  for (std::size_t j = 0; j < x.size(); ++j) {
    mpfr_add(middle.get(), lower(x[j]), upper(x[j]), MPFR_RNDN);
    mpfr_div_2si(middle.get(), middle.get(), unit_ + 1, MPFR_RNDN);
    mpfr_get_z(integer.value, middle.get(), MPFR_RNDZ);
    write_words(words, integer.value);
    std::int64_t carry = 0;
    for (std::size_t k = 0; k < digits; ++k) {
      const std::int64_t digit = balanced(words[k] + carry, carry);
      digits_[(k / lanes * size_ + j) * lanes + k % lanes] = static_cast<double>(mpz_sgn(integer.value) < 0 ? -digit : digit);
    }
    // How far the ends lie from the grid's point.
    mpfr_set_z_2exp(middle.get(), integer.value, unit_, MPFR_RNDN);
    mpfr_sub(above.get(), upper(x[j]), middle.get(), MPFR_RNDU);
    mpfr_sub(below.get(), middle.get(), lower(x[j]), MPFR_RNDU);
    mpfr_max(above.get(), above.get(), below.get(), MPFR_RNDU);
    if (!mpfr_zero_p(above.get())) largest = std::max(largest, static_cast<long>(mpfr_get_exp(above.get())));
    radii.push_back(above);
  }
  radius_unit_ = largest == nothing ? unit_ : largest;
  for (Dyadic& radius : radii) {
    mpfr_div_2si(radius.get(), radius.get(), radius_unit_, MPFR_RNDU);
    radii_.push_back(mpfr_get_d(radius.get(), MPFR_RNDU));
  }
}

FixedRows::FixedRows(std::span<const std::vector<double>> rows, const DigitKernel& kernel) : kernel_(kernel), size_(rows.empty() ? 0 : rows[0].size()) {
  struct Weight {
    std::uint64_t magnitude;  // odd, or zero
    long exponent;
  };
  const auto weight = [](double w) -> Weight {
    constexpr std::uint64_t implied = std::uint64_t{1} << 52;
    const auto bits = std::bit_cast<std::uint64_t>(std::fabs(w));
    const auto field = static_cast<long>(bits >> 52);
    const std::uint64_t m = bits % implied + (field > 0 ? implied : 0);  // |w| = m 2^(max(field, 1) - 1075)
    const int zeros = m == 0 ? 0 : std::countr_zero(m);
    return {m >> zeros, std::max(field, 1L) - 1075 + zeros};
  };
  std::vector<std::vector<Weight>> all;
  std::size_t count = 0;
  for (const std::vector<double>& row : rows) {
    if (row.size() != size_) throw std::logic_error("FixedRows: rows of different lengths");
    Row added{0, count, 1, {}};
    std::vector<Weight> weights;
    long least = 5000, top = -5000;
    for (const double w : row) {
      added.magnitudes.push_back(std::fabs(w));
      weights.push_back(weight(w));
      const auto& [m, e] = weights.back();
      if (m != 0) least = std::min(least, e), top = std::max(top, e + static_cast<long>(std::bit_width(m)));
    }
    if (top > least) added.exponent = least, added.digits = digits_of(top - least);
    count += added.digits;
    rows_.push_back(std::move(added)), all.push_back(std::move(weights));
  }
  digits_.resize((count + streams - 1) / streams * streams * size_);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    for (std::size_t j = 0; j < size_; ++j) {
      const Weight& w = all[i][j];
      if (w.magnitude == 0) continue;
      const long shift = w.exponent - rows_[i].exponent, within = shift % digit_bits;
      // The lowest digit holds what it has room for, the others what is left.
      std::uint64_t rest = w.magnitude >> (digit_bits - within);
      auto digit = static_cast<std::int64_t>(w.magnitude << within) & (base - 1);
      for (std::size_t stream = rows_[i].first + static_cast<std::size_t>(shift / digit_bits); digit != 0 || rest != 0; ++stream) {
        std::int64_t carry = 0;
        digit = balanced(digit, carry);
        digits_[(stream / streams * size_ + j) * streams + stream % streams] = static_cast<double>(std::signbit(rows[i][j]) ? -digit : digit);
        digit = static_cast<std::int64_t>(rest & (base - 1)) + carry;
        rest >>= digit_bits;
      }
    }
}

void FixedRows::times(const FixedVector& x, std::span<Number> y) const {
  if (y.size() != rows_.size()) throw std::logic_error("FixedRows: a result for each row");
  if (!x.finite()) {
    std::for_each(y.begin(), y.end(), set_everything);
    return;
  }
  if (x.size_ != size_) throw std::logic_error("FixedRows: a weight for each entry");
  // sums[i][k]: what belongs to 2^(21 k) in row i. Between chunks of terms no more than 2^21, and one chunk adds at most 2^53 for each digit of a row, of which there are at most 105: below 2^63.
  std::vector<std::vector<std::int64_t>> sums;
  for (const Row& row : rows_) sums.emplace_back(x.blocks_ * lanes + row.digits + carries);
  std::array<double, streams * lanes> part;
  std::vector<std::size_t> row_of;
  for (std::size_t i = 0; i < rows_.size(); ++i) row_of.insert(row_of.end(), rows_[i].digits, i);
  for (std::size_t begin = 0; begin < size_; begin += DigitKernel::most_terms) {
    const std::size_t terms = std::min(size_ - begin, DigitKernel::most_terms);
    for (std::size_t block = 0; block < x.blocks_; ++block)
      for (std::size_t first = 0; first < row_of.size(); first += streams) {
        kernel_.multiply(part.data(), &digits_[first * size_ + begin * streams], &x.digits_[(block * size_ + begin) * lanes], terms);
        for (std::size_t stream = first; stream < std::min(first + streams, row_of.size()); ++stream) {
          const std::size_t i = row_of[stream];
          std::int64_t* const sum = &sums[i][stream - rows_[i].first + block * lanes];
          for (std::size_t l = 0; l < lanes; ++l) sum[l] += static_cast<std::int64_t>(part[(stream - first) * lanes + l]);
        }
      }
    for (std::vector<std::int64_t>& sum : sums) carry_over(sum);
  }
  Integer total;
  Dyadic bound(64);
  const auto terms = static_cast<double>(size_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    read_sum(total.value, sums[i]);
    mpfr_set_z_2exp(lower(y[i]), total.value, rows_[i].exponent + x.unit_, MPFR_RNDD);
    mpfr_set_z_2exp(upper(y[i]), total.value, rows_[i].exponent + x.unit_, MPFR_RNDU);
    const double reach = product(rows_[i].magnitudes, x.radii_);
    if (reach == 0 && !meet(rows_[i].magnitudes, x.radii_)) continue;  // exact
    // Of terms that are not negative, added up in any order: each product and each sum is short by at most 2^-53 of itself; a product that is too small for a double by less than 2^-1000.
    const double radius = (reach + terms * 0x1p-1000) * (1 + terms * 0x1p-50);
    mpfr_set_d(bound.get(), radius, MPFR_RNDU);
    mpfr_mul_2si(bound.get(), bound.get(), x.radius_unit_, MPFR_RNDU);
    mpfr_sub(lower(y[i]), lower(y[i]), bound.get(), MPFR_RNDD);
    mpfr_add(upper(y[i]), upper(y[i]), bound.get(), MPFR_RNDU);
  }
}

}  // namespace snellen::check
