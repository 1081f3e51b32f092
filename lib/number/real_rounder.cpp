#include "lib/number/real_rounder.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace snellen {
namespace {

constexpr slong most_bits = 1 << 20;
constexpr double below = 1 - 0x1p-44, above = 1 + 0x1p-44;  // times a result of the C library, on either side of the exact one

class Ball {
 public:
  Ball() { arb_init(value_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  ~Ball() { arb_clear(value_); }
  arb_ptr get() { return value_; }

 private:
  arb_t value_;
};

Dyadic end(arb_ptr x, void (*bound)(arf_t, const arb_t, slong), mpfr_rnd_t direction, slong bits) {
  arf_t value;
  arf_init(value);
  bound(value, x, bits);
  Dyadic result = Dyadic::of(value, direction);
  arf_clear(value);
  return result;
}

void set_power(arb_ptr result, double base, std::int64_t numerator, std::int64_t denominator, slong bits) {
  fmpq_t exponent;
  fmpq_init(exponent);
  fmpq_set_si(exponent, numerator, static_cast<ulong>(denominator));
  arb_set_d(result, base);
  arb_pow_fmpq(result, result, exponent, bits);
  fmpq_clear(exponent);
}

}  // namespace

double round_real(const Format& format, const Encloser& enclose) {
  Ball ball;
  for (slong bits = format.precision + 24; bits <= most_bits; bits *= 2) {
    enclose(ball.get(), bits);
    if (!arb_is_finite(ball.get())) continue;
    const Rounded low = round(format, end(ball.get(), arb_get_lbound_arf, MPFR_RNDD, bits)),
                  high = round(format, end(ball.get(), arb_get_ubound_arf, MPFR_RNDU, bits));
    if (low.status == high.status && (low.value == high.value || mpfr_nan_p(low.value.get()))) return low.value.to_double(MPFR_RNDN);
  }
  throw std::logic_error("no precision decides the rounding of a real number to " + format.name);
}

double round_sqrt(const Format& format, double x) {
  return round_real(format, [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_sqrt(y, y, bits); });
}

double round_inverse_sqrt(const Format& format, double x) {
  return round_real(format, [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_rsqrt(y, y, bits); });
}

double round_power_of_two(const Format& format, std::int64_t numerator, std::int64_t denominator) {
  return round_real(format, [=](arb_ptr y, slong bits) { set_power(y, 2, numerator, denominator, bits); });
}

CosSin round_rotation(const Format& format, std::int64_t position, double base, std::int64_t numerator, std::int64_t denominator) {
  const auto angle = [=](arb_ptr y, slong bits) {
    set_power(y, base, -numerator, denominator, bits);
    arb_mul_si(y, y, position, bits);
  };
  return {round_real(format, [&](arb_ptr y, slong bits) { angle(y, bits), arb_cos(y, y, bits); }),
          round_real(format, [&](arb_ptr y, slong bits) { angle(y, bits), arb_sin(y, y, bits); })};
}

FunctionRounder::FunctionRounder(const Format& format) : format_(format), rounder_(format), wide_(format.precision > 32 || format.emin < -900) {}

template <class Encloses>
double FunctionRounder::decide(double approximation, const Encloses& enclose) const {
  if (!wide_) {
    const double low = rounder_(approximation * below), high = rounder_(approximation * above);
    if (low == high) return low;
  }
  return round_real(format_, enclose);
}

// Far from zero the results differ from 0, 1 and infinity by less than any double can show; closer in, enclosures do the rest.

double FunctionRounder::exp(double x) const {
  if (std::isnan(x) || x == 0 || x > 1100 || x < -1200) return rounder_(std::isnan(x) ? x : x == 0 ? 1.0 : x > 0 ? INFINITY : 0.0);
  return decide(std::exp(x), [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_exp(y, y, bits); });
}

double FunctionRounder::tanh(double x) const {
  if (std::isnan(x) || x == 0 || std::fabs(x) > 400) return rounder_(std::isnan(x) || x == 0 ? x : std::copysign(1.0, x));
  return decide(std::tanh(x), [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_tanh(y, y, bits); });
}

double FunctionRounder::erf(double x) const {
  if (std::isnan(x) || x == 0 || std::fabs(x) > 30) return rounder_(std::isnan(x) || x == 0 ? x : std::copysign(1.0, x));
  return decide(std::erf(x), [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_hypgeom_erf(y, y, bits); });
}

// As `decide` does, for some values at once; one by one where their approximations leave it open, as those of NaN and of what is wide do.
template <class Approximates, class Rounds>
void FunctionRounder::each(std::span<double> values, const Approximates& approximate, const Rounds& rounded) const {
  constexpr std::size_t some = 64;
  double low[some], high[some];
  for (std::size_t begin = 0; begin < values.size(); begin += some) {
    const std::span<double> part = values.subspan(begin, std::min(values.size() - begin, some));
    for (std::size_t i = 0; i < part.size(); ++i) {
      const double approximation = approximate(part[i]);
      low[i] = approximation * below, high[i] = approximation * above;
    }
    rounder_.round_all(low, part.size()), rounder_.round_all(high, part.size());
    for (std::size_t i = 0; i < part.size(); ++i) part[i] = !wide_ && low[i] == high[i] ? low[i] : rounded(part[i]);
  }
}

void FunctionRounder::exp(std::span<double> values) const {
  each(values, [](double x) { return std::exp(x); }, [this](double x) { return exp(x); });
}
void FunctionRounder::tanh(std::span<double> values) const {
  each(values, [](double x) { return std::tanh(x); }, [this](double x) { return tanh(x); });
}
void FunctionRounder::erf(std::span<double> values) const {
  each(values, [](double x) { return std::erf(x); }, [this](double x) { return erf(x); });
}

double FunctionRounder::inverse_sqrt(double x) const {
  if (!(x > 0) || std::isinf(x)) return rounder_(1 / std::sqrt(x));
  return decide(1 / std::sqrt(x), [x](arb_ptr y, slong bits) { arb_set_d(y, x), arb_rsqrt(y, y, bits); });
}

}  // namespace snellen
