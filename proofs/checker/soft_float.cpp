#include "proofs/checker/soft_float.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace snellen::check {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr mpfr_prec_t wide = 100;  // bits of a function's value before it is rounded: more than any format has, and it fits the integers
using Wide = unsigned __int128;

long length_of(Wide m) {
  const auto high = static_cast<std::uint64_t>(m >> 64), low = static_cast<std::uint64_t>(m);
  return high ? 64 + std::bit_width(high) : std::bit_width(low);
}

bool same(double x, double y) { return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y); }

// units 2^q, which is a double or too large for one, put together bit by bit.
double assembled(std::uint64_t units, long q) {
  if (units == 0) return 0;
  const long length = std::bit_width(units), exponent = q + length - 1;
  if (exponent > 1023) return std::numeric_limits<double>::infinity();
  if (exponent < -1022) return std::bit_cast<double>(units << (q + 1074));
  const std::uint64_t significand = length > 53 ? units >> (length - 53) : units << (53 - length);  // of 54 bits only 2^53 is a value
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52 | (significand & ((std::uint64_t{1} << 52) - 1)));
}

struct Real {
  explicit Real(mpfr_prec_t bits) { mpfr_init2(value, bits); }
  ~Real() { mpfr_clear(value); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  mpfr_t value;
};

}  // namespace

SoftFloat::SoftFloat(const CertificateFormat& f) : precision_(f.precision), emin_(f.emin), saturates_(f.overflow == "saturate") {
  if (!carries(f)) throw std::invalid_argument("SoftFloat: not all values are doubles");
  const std::int64_t top = (std::int64_t{1} << f.precision) - (f.top_code_is_nan ? 2 : 1);
  largest_ = std::ldexp(static_cast<double>(top), static_cast<int>(f.emax - f.precision + 1));
}

SoftFloat::Exact SoftFloat::parts(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto field = static_cast<long>(bits >> 52 & 0x7ff);
  std::uint64_t m = bits & ((std::uint64_t{1} << 52) - 1);
  if (field == 0 && m == 0) return {(bits >> 63) != 0, 0, 0, false};
  long e = std::max(field, 1L) - 1075;
  if (field > 0) m |= std::uint64_t{1} << 52;
  const int shift = 53 - std::bit_width(m);
  return {(bits >> 63) != 0, m << shift, e - shift, false};
}

// The multiples of the quantum 2^q, q = max(exponent, emin) - precision + 1, are the format's values around x.
double SoftFloat::rounded(const Exact& x) const {
  if (x.m == 0) return x.negative ? -0.0 : 0.0;
  const long length = length_of(x.m), q = std::max(length - 1 + x.e, emin_) - precision_ + 1, shift = q - x.e;
  double magnitude;
  if (shift <= 0) {  // short enough to be a value, unless it is too large
    if (x.more) throw std::logic_error("SoftFloat: too few bits to round");
    magnitude = assembled(static_cast<std::uint64_t>(x.m), x.e);
  } else if (shift > length) {
    magnitude = 0;  // below half a quantum
  } else {
    const Wide half = Wide{1} << (shift - 1), rest = x.m & ((half << 1) - 1);
    auto units = static_cast<std::uint64_t>(x.m >> shift);
    if (rest > half || (rest == half && (x.more || (units & 1)))) ++units;
    magnitude = assembled(units, q);
  }
  if (magnitude > largest_) {
    if (!saturates_) return nan;
    magnitude = largest_;
  }
  return x.negative ? -magnitude : magnitude;
}

double SoftFloat::round(double x) const { return std::isfinite(x) ? rounded(parts(x)) : nan; }

double SoftFloat::add(double x, double y) const {
  if (!std::isfinite(x) || !std::isfinite(y)) return nan;
  Exact a = parts(x), b = parts(y);
  if (b.m == 0) return a.m == 0 ? rounded({a.negative && b.negative, 0, 0, false}) : rounded(a);
  if (a.m == 0) return rounded(b);
  if (a.e < b.e || (a.e == b.e && a.m < b.m)) std::swap(a, b);  // |a| >= |b|
  constexpr long room = 64;
  const long apart = a.e - b.e;
  a.m <<= room, a.e -= room;
  bool more = false;
  if (apart <= room) {
    b.m <<= room - apart;
  } else {  // what is shifted out lies below every bit that decides
    const long out = apart - room;
    more = out >= 64 || (b.m & ((Wide{1} << out) - 1)) != 0;
    b.m = out >= 64 ? 0 : b.m >> out;
  }
  if (a.negative == b.negative) return rounded({a.negative, a.m + b.m, a.e, more});
  const Wide m = a.m - b.m - (more ? 1 : 0);
  return rounded({m == 0 ? false : a.negative, m, a.e, more});
}

double SoftFloat::multiply(double x, double y) const {
  if (!std::isfinite(x) || !std::isfinite(y)) return nan;
  const Exact a = parts(x), b = parts(y);
  return rounded({a.negative != b.negative, a.m * b.m, a.e + b.e, false});
}

double SoftFloat::divide(double x, double y) const {
  if (!std::isfinite(x) || !std::isfinite(y) || y == 0) return nan;
  const Exact a = parts(x), b = parts(y);
  constexpr long room = 74;
  const Wide m = a.m << room;
  return rounded({a.negative != b.negative, m / b.m, a.e - b.e - room, m % b.m != 0});
}

// x cut off to `wide` bits towards zero: the exact value, of a function that is correctly rounded there, and hence rounded here once.
double SoftFloat::truncated(mpfr_srcptr x, bool inexact) const {
  if (!mpfr_number_p(x)) return nan;
  if (mpfr_zero_p(x)) return 0;
  mpz_t integer;
  mpz_init(integer);
  const long e = mpfr_get_z_2exp(integer, x);
  std::uint64_t limbs[2] = {};
  mpz_export(limbs, nullptr, -1, sizeof(std::uint64_t), 0, 0, integer);
  mpz_clear(integer);
  return rounded({mpfr_sgn(x) < 0, Wide{limbs[1]} << 64 | limbs[0], e, inexact});
}

template <class Function>
double SoftFloat::of(double x, const Function& function) const {
  if (!std::isfinite(x)) return nan;
  Real argument(53), value(wide);
  mpfr_set_d(argument.value, x, MPFR_RNDN);
  const bool inexact = function(value.value, argument.value, MPFR_RNDZ) != 0;
  return truncated(value.value, inexact);
}

double SoftFloat::exp(double x) const { return of(x, mpfr_exp); }
double SoftFloat::tanh(double x) const { return of(x, mpfr_tanh); }
double SoftFloat::erf(double x) const { return of(x, mpfr_erf); }
double SoftFloat::inverse_sqrt(double x) const { return x > 0 ? of(x, mpfr_rec_sqrt) : nan; }
double SoftFloat::sqrt(double x) const { return x > 0 ? of(x, mpfr_sqrt) : nan; }

double SoftFloat::power_of_two(std::int64_t numerator, std::int64_t denominator) const {
  if (denominator <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(denominator))) throw std::invalid_argument("SoftFloat: the exponent is no dyadic number");
  Real exponent(64), value(wide);
  mpfr_set_si(exponent.value, static_cast<long>(numerator), MPFR_RNDN);
  mpfr_div_2si(exponent.value, exponent.value, std::bit_width(static_cast<std::uint64_t>(denominator)) - 1, MPFR_RNDN);
  const bool inexact = mpfr_exp2(value.value, exponent.value, MPFR_RNDZ) != 0;
  return truncated(value.value, inexact);
}

double SoftFloat::root_of_two_over_pi() const {
  double ends[2];
  for (const mpfr_rnd_t direction : {MPFR_RNDD, MPFR_RNDU}) {
    Real x(300), cut(wide);
    mpfr_const_pi(x.value, direction == MPFR_RNDD ? MPFR_RNDU : MPFR_RNDD);
    mpfr_ui_div(x.value, 2, x.value, direction);
    mpfr_sqrt(x.value, x.value, direction);
    mpfr_set(cut.value, x.value, MPFR_RNDZ);
    ends[direction == MPFR_RNDU] = truncated(cut.value, true);
  }
  if (!same(ends[0], ends[1])) throw std::logic_error("SoftFloat: sqrt(2 / pi) is not decided");
  return ends[0];
}

double SoftFloat::add_again(double s, double c, std::int64_t steps) const {
  while (steps > 0) {
    const double next = add(s, c);
    if (same(next, s) || std::isnan(next)) return next;
    s = next, --steps;
    steps -= leap(s, c, steps);
  }
  return s;
}

std::int64_t SoftFloat::steps_to_settle(double s, double c) const {
  for (std::int64_t steps = 0;;) {
    const double next = add(s, c);
    if (same(next, s) || std::isnan(next)) return steps;
    s = next;
    steps += 1 + leap(s, c, std::numeric_limits<std::int64_t>::max());
  }
}

// In the binade of |s| = m u the sum s + c is rounded to (m + d) u, d the integer nearest to c / u; where c / u lies halfway, to the even one of the two, if m is even.
// Room of |d| + 2 units at both ends of the binade keeps every sum on the way inside.
std::int64_t SoftFloat::leap(double& s, double c, std::int64_t most) const {
  if (s == 0 || c == 0) return 0;
  const Exact a = parts(s), b = parts(c);
  const long exponent = 52 + a.e, q = std::max(exponent, emin_) - precision_ + 1, down = q - a.e, shift = q - b.e;
  if (down < 0 || down > 52 || shift > 54 || shift < -8) return 0;
  const auto m = static_cast<std::int64_t>(a.m >> down);
  std::int64_t d;
  if (shift <= 0) {
    d = static_cast<std::int64_t>(b.m << -shift);
  } else {
    const auto half = std::uint64_t{1} << (shift - 1), rest = static_cast<std::uint64_t>(b.m) & (2 * half - 1);
    d = static_cast<std::int64_t>(b.m >> shift);
    if (rest > half || (rest == half && (d & 1))) ++d;
    if (rest == half && (m & 1)) return 0;
  }
  if (d == 0) return 0;
  const std::int64_t bottom = exponent < emin_ ? 0 : std::int64_t{1} << (precision_ - 1), top = std::int64_t{1} << precision_;
  const bool outward = a.negative == b.negative;
  const std::int64_t room = (outward ? top - m : m - bottom) - (d + 2);
  if (room < d) return 0;
  const std::int64_t steps = std::min(most, room / d);
  const double moved = std::ldexp(static_cast<double>(outward ? m + steps * d : m - steps * d), static_cast<int>(q));
  if (moved > largest_) return 0;
  s = a.negative ? -moved : moved;
  return steps;
}

}  // namespace snellen::check
