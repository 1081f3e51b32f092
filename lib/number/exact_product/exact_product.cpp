#include "lib/number/exact_product/exact_product.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <stdexcept>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/kernels.hpp"
#include "lib/number/exact_product/long_digits.hpp"

namespace snellen {
namespace {

const Kernels& kernels_of(ProductPath path) {
#if defined(__x86_64__)
  if (path == ProductPath::avx512) return avx512_kernels();
  if (path == ProductPath::avx2) return avx2_kernels();
  if (path == ProductPath::sse2) return sse2_kernels();
#endif
  return portable_kernels();
}

// ---- FLINT's product --------------------------------------------------------------------------------------------------

// Rows multiplied at a time, fixed, so that FLINT chooses the same algorithm and the same blocks whatever the number of threads.
constexpr std::size_t strip_rows = 96;

// Columns `which` of y.
void flint_product(BallMatrix& y, const Tensor& weights, const BallMatrix& x, const std::vector<std::size_t>& which, long bits) {
  const std::size_t out = weights.rows(), in = weights.columns();
  BallMatrix rounded(in, which.size());  // FLINT's product takes every bit that it is given
  for (std::size_t k = 0; k < in; ++k)
    for (std::size_t c = 0; c < which.size(); ++c) arb_set_round(rounded(k, c), x(k, which[c]), bits);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t begin = 0; begin < out; begin += strip_rows) {
    const std::size_t end = std::min(out, begin + strip_rows);
    BallMatrix product(end - begin, which.size());
    arb_mat_mul(product.get(), exact_balls(weights, begin, end).get(), rounded.get(), bits);
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t c = 0; c < which.size(); ++c) arb_swap(y(i, which[c]), product(i - begin, c));
  }
}

// Measured: FLINT's product is as fast up to about 400 multiply-adds.
bool tiny(const PreparedWeights& weights, std::size_t columns) {
  return weights.rows() * weights.columns() * columns <= PreparedWeights::few;
}

BallMatrix tiny_product(const PreparedWeights& weights, const BallMatrix& x, long bits) {
  BallMatrix y(weights.rows(), x.columns());
  arb_mat_mul(y.get(), weights.balls().get(), x.get(), bits);
  return y;
}

// ---- From sums to balls -----------------------------------------------------------------------------------------------

constexpr std::size_t block_columns = 8;  // a multiple of the radii's tiles

class Fmpz {
 public:
  Fmpz() { fmpz_init(value_); }
  Fmpz(const Fmpz&) = delete;
  Fmpz& operator=(const Fmpz&) = delete;
  ~Fmpz() { fmpz_clear(value_); }
  operator fmpz*() { return value_; }

 private:
  fmpz_t value_;
};

// Everything that one column of a product needs, for one thread.
class ColumnProduct {
 public:
  ColumnProduct(const PreparedWeights& weights, const FixedPointBlock& x, const Kernels& kernels, long bits)
      : weights_(weights), x_(x), digits_(x.digits(weights.width())), kernels_(kernels), bits_(bits),
        digit_bits_(weights.width() == WeightWidth::narrow ? narrow_digit_bits : wide_digit_bits),
        slack_(1 + static_cast<double>(x.rows() + 5) * 0x1p-22), sums_(digits_.most * tile_rows), high_(sums_.size()),
        radii_(4 * tile_rows), limbs_(digits_.most * static_cast<std::size_t>(digit_bits_) / FLINT_BITS + 5) {
    if (chunks() > 1) totals_.resize(sums_.size());
  }

  // Rows of groups [group, group + groups), columns [first, last); first begins a tile of the radii.
  void run(BallMatrix& y, std::size_t group, std::size_t groups, std::size_t first, std::size_t last) {
    for (std::size_t j = first; j < last; ++j) {
      if (j % x_.radius_columns() == 0) sum_radii(group, groups, j / x_.radius_columns());
      if (!x_.column(j).fits) continue;
      sum_products(group, groups, j);
      const std::size_t begin = group * group_rows, end = std::min(weights_.rows(), begin + groups * group_rows);
      for (std::size_t i = begin; i < end; ++i) finish(y(i, j), i, i - begin, j);
    }
  }

 private:
  std::size_t chunks() const { return (x_.rows() + sum_terms - 1) / sum_terms; }
  bool narrow() const { return weights_.width() == WeightWidth::narrow; }

  void sum_radii(std::size_t group, std::size_t groups, std::size_t tile) {
    const std::size_t in = x_.rows(), stride = in * group_rows;
    const float* x = x_.radii(tile);
    if (narrow()) kernels_.narrow_radii(weights_.narrow(group), stride, groups, x, x_.radius_columns(), in, radii_.data());
    else kernels_.wide_radii(weights_.wide(group), stride, groups, x, x_.radius_columns(), in, radii_.data());
  }

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
    const FixedPointBlock::Column& column = x_.column(j);
    LimbWriter writer(limbs_.data());
    bool negative;
    if (chunks() > 1)
      negative = carry<Int128>(writer, row, j, [&](std::size_t d) { return totals_[d * tile_rows + r]; });
    else if (narrow())
      negative = carry<std::int64_t>(writer, row, j,
                                     [&](std::size_t d) { return static_cast<std::int64_t>(sums_[d * tile_rows + r]); });
    else
      negative = carry<Int128>(writer, row, j, [&](std::size_t d) { return sum(d * tile_rows + r); });

    const double radius = radii_[j % x_.radius_columns() * tile_rows + r] * slack_;
    const slong radius_exponent = column.radius_exponent + weights_.scale(row), exponent = column.unit + weights_.scale(row);
    if (!weights_.tail(row).empty()) {
      set_radius(arb_radref(y), radius, radius_exponent);
      add_tail(y, writer.size(), negative, row, j);
      return;
    }
    double total = radius;
    if (writer.size() > 0) {
      slong shift;
      const long bits = deserved_bits(writer, Bound(radius, radius_exponent), exponent);
      const bool inexact =
          _arf_set_round_mpn(arb_midref(y), &shift, limbs_.data(), writer.size(), negative, bits, ARF_RND_DOWN) != 0;
      const slong top = FLINT_BITS * writer.size() + shift + exponent;
      fmpz_set_si(ARF_EXPREF(arb_midref(y)), top);
      // The unit in the last place beside the radius, in one double where it fits there.
      if (inexact) {
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

  // The bits that a midpoint deserves: all, or those down to 2^-drowned_bits of its radius.
  long deserved_bits(const LimbWriter& writer, const Bound& radius, slong exponent) const {
    if (radius.zero()) return bits_;
    const slong top = FLINT_BITS * writer.size() - std::countl_zero(limbs_[static_cast<std::size_t>(writer.size()) - 1]) + exponent;
    return std::clamp<slong>(top - radius.top() + drowned_bits, 2, bits_);
  }

  // The midpoint from the integer in limbs_ and the row's tail; adds the tail's share of the radius and that of the rounding.
  void add_tail(arb_ptr y, mp_size_t size, bool negative, std::size_t row, std::size_t j) {
    const FixedPointBlock::Column& column = x_.column(j);
    int lowest = weights_.scale(row);
    for (const TailWeight& t : weights_.tail(row)) lowest = std::min(lowest, t.exponent);
    Fmpz total, term;
    arf_t cut;
    mag_t weight, error;
    arf_init(cut), mag_init(weight), mag_init(error);
    if (size > 0) {
      arf_set_mpn(cut, limbs_.data(), size, negative);
      arf_get_fmpz(total, cut, ARF_RND_DOWN);
      fmpz_mul_2exp(total, total, static_cast<ulong>(weights_.scale(row) - lowest));
    }
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

  const PreparedWeights& weights_;
  const FixedPointBlock& x_;
  const FixedPointBlock::Digits& digits_;
  const Kernels& kernels_;
  const long bits_;
  const int digit_bits_;
  const double slack_;
  std::vector<std::uint64_t> sums_, high_;
  std::vector<Int128> totals_;
  std::vector<float> radii_;
  std::vector<mp_limb_t> limbs_;
};

}  // namespace

bool available(ProductPath path) {
  switch (path) {
#if defined(__x86_64__)
    case ProductPath::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512ifma");
    case ProductPath::avx2: return __builtin_cpu_supports("avx2");
    case ProductPath::sse2: return true;
#endif
    default: return path == ProductPath::portable;
  }
}

ProductPath best_path() {
  static const ProductPath best = available(ProductPath::avx512) ? ProductPath::avx512
                                  : available(ProductPath::avx2) ? ProductPath::avx2
                                  : available(ProductPath::sse2) ? ProductPath::sse2
                                                                 : ProductPath::portable;
  return best;
}

BallMatrix exact_product(const PreparedWeights& weights, const FixedPointBlock& x, long bits, ProductPath path) {
  if (weights.columns() != x.rows()) throw std::logic_error("exact_product: the weights' columns are not the block's rows");
  if (!available(path)) throw std::logic_error("exact_product: this CPU lacks the path");
  if (tiny(weights, x.columns())) return tiny_product(weights, x.balls(), bits);
  BallMatrix y(weights.rows(), x.columns());
  std::vector<std::size_t> outside;
  for (std::size_t j = 0; j < x.columns(); ++j)
    if (!weights.fits() || !x.column(j).fits) outside.push_back(j);
  if (!outside.empty()) flint_product(y, weights.tensor(), x.balls(), outside, bits);
  if (outside.size() == x.columns()) return y;

  x.digits(weights.width());
  // Tiles of rows after each other for one block of columns, whose digits then stay in the cache.
  const std::size_t tiles = (weights.groups() + tile_groups - 1) / tile_groups;
  const std::size_t blocks = (x.columns() + block_columns - 1) / block_columns;
#pragma omp parallel if (tiles * blocks > 1)
  {
    ColumnProduct product(weights, x, kernels_of(path), bits);
#pragma omp for schedule(dynamic)
    for (std::size_t job = 0; job < tiles * blocks; ++job) {
      const std::size_t group = job % tiles * tile_groups, first = job / tiles * block_columns;
      product.run(y, group, std::min(tile_groups, weights.groups() - group), first, std::min(x.columns(), first + block_columns));
    }
  }
  return y;
}

BallMatrix exact_product(const PreparedWeights& weights, const BallMatrix& x, long bits, ProductPath path) {
  if (weights.columns() == x.rows() && tiny(weights, x.columns())) return tiny_product(weights, x, bits);
  return exact_product(weights, FixedPointBlock(x, bits), bits, path);
}

}  // namespace snellen
