#include "lib/number/exp_lanes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "lib/number/exact_product/limbs_to_midpoint.hpp"
#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/fixed_lanes.hpp"

namespace snellen {
namespace {

constexpr std::size_t most_digits = 24;  // of a fraction: 1248 bits
constexpr std::size_t most_terms = 64;
constexpr slong exp_error_bits = 11, logistic_error_bits = 12;
constexpr double largest = 1000;
constexpr std::uint64_t mask = long_digit_mask;

// Fractions, cut off: the lowest digit first.
using Digits = std::array<std::uint64_t, most_digits + 1>;

// floor(x 2^(52 digits)) for x in [0, 1), x to more bits than that (a wrong last digit would be an error of one unit, which the header has room for).
Digits digits_of(arb_srcptr x) {
  Digits digits{};
  DigitCutter().cut(arb_midref(x), -static_cast<slong>(digits.size()) * long_digit_bits, -1, digits.size(), digits.data(), 1);
  return digits;
}

// All with most_digits + 1 digits; the uppermost of them are the ones with fewer.
struct Tables {
  std::vector<Digits> first, second;       // e^(i/2^8) / 4, i < 178; e^(j/2^16) - 1, j < 256
  std::vector<Digits> factorial;           // 1/k!, from k = 2 on (0 and 1 are not used)
  std::vector<slong> factorial_bits;       // floor(log2 k!)
  Digits log2;

  Tables() {
    constexpr slong bits = (most_digits + 1) * long_digit_bits + 64;
    Ball x;
    for (slong i = 0; i < 178; ++i) {
      arb_set_si(x, i), arb_mul_2exp_si(x, x, -8);
      arb_exp(x, x, bits);
      arb_mul_2exp_si(x, x, -2);
      first.push_back(digits_of(x));
    }
    for (slong j = 0; j < 256; ++j) {
      arb_set_si(x, j), arb_mul_2exp_si(x, x, -16);
      arb_expm1(x, x, bits);
      second.push_back(digits_of(x));
    }
    for (ulong k = 0; k <= most_terms + 1; ++k) {
      arb_fac_ui(x, k, bits);
      factorial_bits.push_back(ARF_EXP(arb_midref(static_cast<arb_srcptr>(x))) - 1);
      arb_inv(x, x, bits);
      factorial.push_back(k < 2 ? Digits{} : digits_of(x));
    }
    arb_const_log2(x, bits);
    log2 = digits_of(x);
  }
  static const std::uint64_t* upper(const Digits& digits, std::size_t count) { return digits.data() + digits.size() - count; }
};

const Tables& tables() {
  static const Tables made;
  return made;
}

// [digits][8].
using Lanes = std::uint64_t[(most_digits + 1) * long_lanes];

// x += y, `digits` digits; what leaves the fraction is lost (it is zero wherever this is used).
void add(std::uint64_t* x, const std::uint64_t* y, std::size_t digits) { add_lanes(x, x, y, digits); }

void add_constant(std::uint64_t* x, const std::uint64_t* constant, std::size_t digits) {
  std::uint64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::uint64_t sum = x[d * long_lanes + l] + constant[d] + carry[l];
      x[d * long_lanes + l] = sum & mask;
      carry[l] = sum >> long_digit_bits;
    }
}

// x = 1 - x - y modulo 1, for x + y in (0, 1].
void complement_of_sum(std::uint64_t* x, const std::uint64_t* y, std::size_t digits) {
  std::int64_t carry[long_lanes] = {};
  for (std::size_t d = 0; d < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::int64_t difference = carry[l] - static_cast<std::int64_t>(x[d * long_lanes + l]) - static_cast<std::int64_t>(y[d * long_lanes + l]);
      x[d * long_lanes + l] = static_cast<std::uint64_t>(difference) & mask;
      carry[l] = difference >> long_digit_bits;
    }
}

// Lanes at 1/2 and above become zero.
void clear_negative(std::uint64_t* x, std::size_t digits) {
  for (std::size_t l = 0; l < long_lanes; ++l) {
    const std::uint64_t keep = (x[(digits - 1) * long_lanes + l] >> (long_digit_bits - 1)) - 1;
    for (std::size_t d = 0; d < digits; ++d) x[d * long_lanes + l] &= keep;
  }
}

// Eight numbers at once, with one number of digits.
class Lane8 {
 public:
  Lane8(std::size_t digits, ProductPath path) : digits_(digits), path_(path), t_(tables()) {
    const slong bits = static_cast<slong>(digits_) * long_digit_bits + 2;
    while (static_cast<slong>(16 * (terms_ + 1)) + t_.factorial_bits[terms_ + 1] < bits) ++terms_;
  }

  // Lane l: e^x = 4 mantissa 2^n to the header's error; |x| <= largest.
  void exp(std::size_t l, const arf_struct* x) {
    const double estimate = nearest_double(x) * 1.4426950408889634 - 0x1p-30;
    n_[l] = static_cast<std::int64_t>(std::floor(estimate));
    const std::size_t wide = digits_ + 1;  // one digit more for the reduction, and one above the point
    cutter_.cut(x, -static_cast<slong>(wide) * long_digit_bits, static_cast<slong>(wide + 1) * long_digit_bits - 1, wide + 1, number_.data(), 1);
    const std::uint64_t* log2 = Tables::upper(t_.log2, wide);
    Int128 carry = 0;
    for (std::size_t d = 0; d < wide; ++d) {
      carry += static_cast<Int128>(number_[d]) - static_cast<Int128>(n_[l]) * static_cast<Int128>(log2[d]);
      if (d > 0) r_[(d - 1) * long_lanes + l] = static_cast<std::uint64_t>(carry) & mask;
      carry >>= long_digit_bits;
    }
  }
  // Every lane: e^-x for x = X 2^unit <= largest, X [digits_][8].
  void exp_of_negatives(const std::uint64_t* x, slong unit) {
    const std::size_t wide = digits_ + 1;
    const double scale = std::ldexp(1.0, static_cast<int>(unit + static_cast<slong>(digits_ - 1) * long_digit_bits));
    // Digit d of the reduction begins at this bit of X.
    const slong first = -unit - static_cast<slong>(wide) * long_digit_bits;
    const slong whole = first >= 0 ? first / long_digit_bits : -((long_digit_bits - 1 - first) / long_digit_bits);
    const auto part = static_cast<unsigned>(first - whole * long_digit_bits);
    static constexpr std::uint64_t none[long_lanes] = {};
    const auto row = [&](slong d) { return d >= 0 && d < static_cast<slong>(digits_) ? x + static_cast<std::size_t>(d) * long_lanes : none; };
    const std::uint64_t* top = row(static_cast<slong>(digits_) - 1);
    const std::uint64_t* next = row(static_cast<slong>(digits_) - 2);
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const double value = (static_cast<double>(top[l]) + static_cast<double>(next[l]) * 0x1p-52) * scale;
      n_[l] = static_cast<std::int64_t>(std::floor(value * -1.4426950408889634 - 0x1p-30));
    }
    // r = -n log 2 - x; every term is below 1500 2^52 < 2^63.
    const std::uint64_t* log2 = Tables::upper(t_.log2, wide);
    std::int64_t carry[long_lanes] = {};
    for (std::size_t d = 0; d < wide; ++d) {
      const std::uint64_t* low = row(static_cast<slong>(d) + whole);
      const std::uint64_t* high = row(static_cast<slong>(d) + whole + 1);
      for (std::size_t l = 0; l < long_lanes; ++l) {
        carry[l] += -n_[l] * static_cast<std::int64_t>(log2[d]) - static_cast<std::int64_t>((low[l] >> part | high[l] << (long_digit_bits - part)) & mask);
        if (d > 0) r_[(d - 1) * long_lanes + l] = static_cast<std::uint64_t>(carry[l]) & mask;
        carry[l] >>= long_digit_bits;
      }
    }
  }
  void idle(std::size_t l) {
    n_[l] = 0;
    for (std::size_t d = 0; d < digits_; ++d) r_[d * long_lanes + l] = 0;
  }

  // After exp or idle for every lane.
  void finish_exp() {
    std::uint64_t* top = &r_[(digits_ - 1) * long_lanes];
    Lanes second;
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::size_t i = top[l] >> (long_digit_bits - 8), j = top[l] >> (long_digit_bits - 16) & 0xff;
      top[l] &= (std::uint64_t{1} << (long_digit_bits - 16)) - 1;
      const std::uint64_t *a = Tables::upper(t_.first[i], digits_), *b = Tables::upper(t_.second[j], digits_);
      for (std::size_t d = 0; d < digits_; ++d) mantissa_[d * long_lanes + l] = a[d], second[d * long_lanes + l] = b[d];
    }
    // Horner's rule: acc = 1/k! + s acc.
    Lanes acc, product;
    std::size_t have = digits_at(terms_);
    for (std::size_t d = 0; d < have * long_lanes; ++d) acc[d] = 0;
    add_constant(acc, Tables::upper(t_.factorial[terms_], have), have);
    for (std::size_t k = terms_; --k >= 2;) {
      const std::size_t next = digits_at(k);
      multiply_fractions(s(next), next, acc, have, next, product, path_);
      add_constant(product, Tables::upper(t_.factorial[k], next), next);
      std::copy_n(product, next * long_lanes, acc);
      have = next;
    }
    Lanes f;
    multiply_fractions(r_, digits_, acc, have, digits_, product, path_);
    multiply_fractions(r_, digits_, product, digits_, digits_, f, path_);
    add(f, r_, digits_);
    multiply_fractions(f, digits_, second, digits_, digits_, product, path_);
    add(f, second, digits_);
    add(f, product, digits_);
    multiply_fractions(f, digits_, mantissa_, digits_, digits_, product, path_);
    add(mantissa_, product, digits_);
  }

  // For t = 4 mantissa 2^n <= 1 (n <= 0), digits [digits_][8] of 1/(1 + t).
  const std::uint64_t* inverse() {
    Lanes t, residual, product;
    for (std::size_t l = 0; l < long_lanes; ++l) shift_down(t, l, -n_[l] - 2);
    // From below: 1/(1+t) in doubles, less more than its error.
    for (std::size_t d = 0; d < digits_ * long_lanes; ++d) inverse_[d] = 0;
    std::uint64_t* top = &inverse_[(digits_ - 1) * long_lanes];
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const double value = static_cast<double>(t[(digits_ - 1) * long_lanes + l] + 1) * 0x1p-52;
      top[l] = static_cast<std::uint64_t>((1 / (1 + value) - 0x1p-46) * 0x1p52);
    }
    // The residual e = 1 - R - tR is below 2^(1 - good). It is computed from tR cut off, so R + Re can end a unit above 1/(1 + t), and the next residual be
    // negative by a few units: R is then as good as it gets. R < 1 stays, since Re < 1 - R.
    for (slong good = 45; good < static_cast<slong>(digits_) * long_digit_bits + 8; good = 2 * good - 2) {
      multiply_fractions(t, digits_, inverse_, digits_, digits_, product, path_);
      std::copy_n(inverse_, digits_ * long_lanes, residual);
      complement_of_sum(residual, product, digits_);
      clear_negative(residual, digits_);
      multiply_fractions(residual, digits_, inverse_, digits_, digits_, product, path_);
      add(inverse_, product, digits_);
    }
    return inverse_;
  }

  // mantissa_ of t becomes that of 1/(1 + t), or t/(1 + t) where `small` says so; then the value is mantissa 2^exponent(l).
  void logistic(const bool* small) {
    inverse();
    Lanes product;
    multiply_fractions(mantissa_, digits_, inverse_, digits_, digits_, product, path_);
    for (std::size_t l = 0; l < long_lanes; ++l) {
      const std::uint64_t* from = small[l] ? product : inverse_;
      for (std::size_t d = 0; d < digits_; ++d) mantissa_[d * long_lanes + l] = from[d * long_lanes + l];
      n_[l] = small[l] ? n_[l] : -2;
    }
  }

  // y = 4 mantissa 2^n of a lane, with a relative error of 2^-error_bits at most.
  void get(arb_ptr y, std::size_t l, slong bits, slong error_bits) {
    LimbWriter writer(limbs_.data());
    for (std::size_t d = 0; d < digits_; ++d) writer.push(mantissa_[d * long_lanes + l], long_digit_bits);
    writer.finish(0, 0);
    const slong unit = n_[l] + 2 - static_cast<slong>(digits_) * long_digit_bits;
    const WordsOfLimbs mantissa(limbs_.data(), writer.size());
    mag_set_ui_2exp_si(arb_radref(y), 1, mantissa.length() + unit - error_bits);
    if (set_midpoint(arb_midref(y), mantissa, false, bits, unit)) arf_mag_add_ulp(arb_radref(y), arb_radref(y), arb_midref(y), bits);
  }

 private:
  std::size_t digits_at(std::size_t k) const {
    const std::size_t fewer = 16 * k / long_digit_bits;
    return digits_ > fewer ? digits_ - fewer : 1;
  }
  const std::uint64_t* s(std::size_t digits) const { return r_ + (digits_ - digits) * long_lanes; }

  // t = mantissa of lane l times 2^-shift, shift >= -2 (the mantissa is then below 2^-2 or so).
  void shift_down(std::uint64_t* t, std::size_t l, std::int64_t shift) const {
    const std::int64_t whole = shift >= 0 ? shift / long_digit_bits : -1, part = shift - whole * long_digit_bits;  // 0 <= part < 52
    const auto digit = [&](std::int64_t d) {
      return d >= 0 && d < static_cast<std::int64_t>(digits_) ? mantissa_[static_cast<std::size_t>(d) * long_lanes + l] : 0;
    };
    for (std::int64_t d = 0; d < static_cast<std::int64_t>(digits_); ++d) {
      const std::uint64_t low = digit(d + whole), high = digit(d + whole + 1);
      t[static_cast<std::size_t>(d) * long_lanes + l] = part == 0 ? low : (low >> part | high << (long_digit_bits - part)) & mask;
    }
  }

  const std::size_t digits_;
  const ProductPath path_;
  const Tables& t_;
  std::size_t terms_ = 2;
  std::int64_t n_[long_lanes] = {};
  Lanes r_, mantissa_, inverse_;
  std::array<std::uint64_t, most_digits + 3> number_;
  std::array<mp_limb_t, most_digits + 3> limbs_;
  DigitCutter cutter_;
};

bool in_range(const arf_struct* x, slong precision, slong error_bits) {
  return arf_is_finite(x) && tame(ARF_EXP(x)) && ARF_EXP(x) <= 10 && std::fabs(nearest_double(x)) <= largest &&
         precision + error_bits + 1 <= static_cast<slong>(most_digits) * long_digit_bits;
}

std::size_t digits_for(slong precision, slong error_bits) { return long_digits_for(std::max<slong>(precision, 30) + error_bits + 1); }

// Calls eight(digits, lanes) for the indices `which`, up to 8 of one number of digits at a time.
template <class Eight>
void by_digits(std::vector<std::size_t>& which, std::span<const slong> precision, slong error_bits, const Eight& eight) {
  std::stable_sort(which.begin(), which.end(), [&](std::size_t a, std::size_t b) { return digits_for(precision[a], error_bits) < digits_for(precision[b], error_bits); });
  for (std::size_t end = which.size(); end > 0;) {
    const std::size_t begin = end > long_lanes ? end - long_lanes : 0;
    eight(digits_for(precision[which[end - 1]], error_bits), std::span(which).subspan(begin, end - begin));
    end = begin;
  }
}

}  // namespace

void exponentials(std::span<arb_ptr const> y, std::span<const slong> precision, ProductPath path) {
  std::vector<std::size_t> inside;
  for (std::size_t i = 0; i < y.size(); ++i)
    if (arb_is_finite(y[i]) && in_range(arb_midref(y[i]), precision[i], exp_error_bits)) inside.push_back(i);
    else arb_exp(y[i], y[i], precision[i]);
  by_digits(inside, precision, exp_error_bits, [&](std::size_t digits, std::span<const std::size_t> lanes) {
    Lane8 work(digits, path);
    for (std::size_t l = 0; l < long_lanes; ++l) l < lanes.size() ? work.exp(l, arb_midref(y[lanes[l]])) : work.idle(l);
    work.finish_exp();
    mag_t growth;
    mag_init(growth);
    for (std::size_t l = 0; l < lanes.size(); ++l) {
      arb_ptr result = y[lanes[l]];
      mag_expm1(growth, arb_radref(result));
      work.get(result, l, precision[lanes[l]], static_cast<slong>(digits) * long_digit_bits - exp_error_bits);
      if (mag_is_zero(growth)) continue;
      // |e^(x + d) - e^x| <= e^x (e^|d| - 1).
      mag_t size;
      mag_init(size);
      arb_get_mag(size, result);
      mag_addmul(arb_radref(result), size, growth);
      mag_clear(size);
    }
    mag_clear(growth);
  });
}

void logistics_of_midpoints(std::span<arb_ptr const> y, std::span<arb_srcptr const> x, std::span<const slong> precision, ProductPath path) {
  std::vector<std::size_t> inside;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (in_range(arb_midref(x[i]), precision[i], logistic_error_bits)) {
      inside.push_back(i);
      continue;
    }
    arb_get_mid_arb(y[i], x[i]);
    arb_neg(y[i], y[i]);
    arb_exp(y[i], y[i], precision[i] + 8);
    arb_add_ui(y[i], y[i], 1, precision[i] + 8);
    arb_inv(y[i], y[i], precision[i] + 4);
  }
  by_digits(inside, precision, logistic_error_bits, [&](std::size_t digits, std::span<const std::size_t> lanes) {
    Lane8 work(digits, path);
    bool small[long_lanes] = {};
    arf_t minus;  // -|x|
    arf_init(minus);
    for (std::size_t l = 0; l < long_lanes; ++l) {
      if (l >= lanes.size()) {
        work.idle(l);
        continue;
      }
      const arf_struct* mid = arb_midref(x[lanes[l]]);
      small[l] = arf_sgn(mid) < 0;
      arf_abs(minus, mid);
      arf_neg(minus, minus);
      work.exp(l, minus);
    }
    arf_clear(minus);
    work.finish_exp();
    work.logistic(small);
    for (std::size_t l = 0; l < lanes.size(); ++l)
      work.get(y[lanes[l]], l, precision[lanes[l]] + 2, static_cast<slong>(digits) * long_digit_bits - logistic_error_bits);
  });
}

void logistics(const std::uint64_t* x, std::size_t digits, slong unit, std::uint64_t* y, ProductPath path) {
  Lane8 work(digits, path);
  work.exp_of_negatives(x, unit);
  work.finish_exp();
  std::copy_n(work.inverse(), digits * long_lanes, y);
}

}  // namespace snellen
