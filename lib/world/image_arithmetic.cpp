#include "lib/world/image_arithmetic.hpp"

#include "lib/number/exponential.hpp"
#include "lib/number/flint.hpp"

namespace snellen {
namespace {

// near_exp's relative error is at most 2^-46 (lib/number/exponential.hpp).
double exp_below(double x) { return x > 690 ? 0x1p995 : near_exp(x) * (1 - 0x1p-45); }
double exp_above(double x) { return x < -690 ? 0x1p-990 : near_exp(x) * (1 + 0x1p-45); }

double erf_end(double x, bool above) {
  if (!(std::fabs(x) < 6)) return std::isnan(x) ? x : x > 0 ? (above ? 1.0 : 1 - 0x1p-53) : (above ? -1 + 0x1p-53 : -1.0);  // 1 - erf 6 < 2^-54
  arb_t y;
  arf_t end;
  arb_init(y), arf_init(end);
  arb_set_d(y, x);
  arb_hypgeom_erf(y, y, 80);
  if (above) arb_get_ubound_arf(end, y, 80);
  else arb_get_lbound_arf(end, y, 80);
  const double result = arf_get_d(end, above ? ARF_RND_CEIL : ARF_RND_FLOOR);
  arb_clear(y), arf_clear(end);
  return result;
}

}  // namespace

Range real_exp(const Range& x) { return checked({exp_below(x.lower), exp_above(x.upper)}); }

// near_tanh is within 2^-43 (lib/number/exponential.hpp); |tanh x| <= |x|, and tanh x >= x - x^3 / 3 for x >= 0, which serves where x is small.
Range real_tanh(const Range& x) {
  const auto below = [](double t) { return std::fabs(t) < 0x1p-14 ? (t >= 0 ? down(t * (1 - 0x1p-28)) : t) : std::max(-1.0, near_tanh(t) - 0x1p-42); };
  return checked({below(x.lower), -below(-x.upper)});
}

Range real_erf(const Range& x) { return checked({erf_end(x.lower, false), erf_end(x.upper, true)}); }

// Division and square root of doubles lose at most 2^-53 each.
Range real_inverse_sqrt(const Range& x) {
  if (!(x.lower > 0) || !(x.upper < std::numeric_limits<double>::infinity())) return Range::everything();
  return {1 / std::sqrt(x.upper) * (1 - 0x1p-51), 1 / std::sqrt(x.lower) * (1 + 0x1p-51)};
}

ImageArithmetic::ImageArithmetic(const Format& format, bool flush)
    : f_(format), flush_(flush), smallest_normal_(format.smallest_normal().to_double(MPFR_RNDN)) {}

Range ImageArithmetic::flushed(Range x) const {
  if (!flush_) return x;
  if (x.lower > 0 && x.lower < smallest_normal_) x.lower = 0;
  if (x.upper < 0 && x.upper > -smallest_normal_) x.upper = 0;
  return x;
}

Range ImageArithmetic::add(const Range& a, const Range& b) const {
  const Range x = flushed(a), y = flushed(b);
  return flushed(checked({f_.add(x.lower, y.lower), f_.add(x.upper, y.upper)}));
}

Range ImageArithmetic::multiply(const Range& a, const Range& b) const {
  const Range x = flushed(a), y = flushed(b);
  const double products[] = {x.lower * y.lower, x.lower * y.upper, x.upper * y.lower, x.upper * y.upper};
  Range result = Range::point(products[0]);
  for (const double p : products) {
    if (std::isnan(p)) return Range::everything();
    result = hull(result, Range::point(p));
  }
  return cast(result);
}

Range ImageArithmetic::divide(const Range& a, const Range& b) const {
  const Range x = flushed(a), y = flushed(b);
  if (!(y.lower > 0 || y.upper < 0)) return Range::everything();
  const double quotients[] = {x.lower / y.lower, x.lower / y.upper, x.upper / y.lower, x.upper / y.upper};
  Range result = Range::point(quotients[0]);
  for (const double q : quotients) {
    if (std::isnan(q)) return Range::everything();
    result = hull(result, Range::point(q));
  }
  return cast(result);
}

Range ImageArithmetic::square(const Range& x) const {
  Range result = multiply(x, x);
  if (result.lower < 0) result.lower = 0;  // the square of one number
  return result;
}

Range ImageArithmetic::factor(const Range& x, const Range& y, bool fused) const {
  const Range rounded = multiply(x, y);
  if (!fused || !rounded.is_finite()) return rounded;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double p : {x.lower * y.lower, x.lower * y.upper, x.upper * y.lower, x.upper * y.upper}) low = std::min(low, down(p)), high = std::max(high, up(p));
  return hull(rounded, {low, high});
}

double ImageArithmetic::ulp(double x) const {
  long exponent = format().emin;
  if (x != 0 && std::isfinite(x)) exponent = std::max<long>(exponent, std::ilogb(x));
  return std::ldexp(1.0, static_cast<int>(exponent - format().precision + 1));
}

// An implementation's result y is a value of the format, so y >= real - e gives y = rd(y) >= rd(RN_64(real - e)).
Range ImageArithmetic::within(const Range& real, double ulps) const {
  if (!real.is_finite()) return real.lower >= 0 ? Range{0, real.upper} : Range::everything();
  if (ulps <= 0.5) return cast(real);
  const double error = ulps * ulp(real.magnitude());
  return cast({real.lower - error, real.upper + error});
}

}  // namespace snellen
