// Correct rounding of real numbers and of elementary functions to a format: the same bits on every machine, whatever its libm.
// Everything here may fill FLINT's caches of the calling thread: see lib/number/flint_caches.hpp.
#pragma once

#include <functional>
#include <span>

#include "lib/number/flint.hpp"
#include "lib/number/format.hpp"

namespace snellen {

// Sets its first argument to an enclosure of one fixed real number, tighter the more bits of working precision it is given.
using Encloser = std::function<void(arb_ptr, slong bits)>;

// rd_F of the number: the precision is raised until both ends of the enclosure round alike (Ziv's strategy). The number must not be a midpoint of
// the format unless its enclosures become exact. std::logic_error if no precision settles it.
double round_real(const Format& format, const Encloser& enclose);

double round_sqrt(const Format& format, double x);             // rd_F(sqrt(x)), x > 0
double round_inverse_sqrt(const Format& format, double x);     // rd_F(1/sqrt(x)), x > 0
double round_power_of_two(const Format& format, std::int64_t numerator, std::int64_t denominator);  // rd_F(2^(numerator/denominator))

// rd_F(cos(angle)) and rd_F(sin(angle)) of angle = position * base^(-exponent_numerator/exponent_denominator), in real arithmetic.
struct CosSin {
  double cos, sin;
};
CosSin round_rotation(const Format& format, std::int64_t position, double base, std::int64_t exponent_numerator, std::int64_t exponent_denominator);

// Correctly rounded functions of doubles, with IEEE 754's results at infinities, zeros and NaN. The C library's double result decides where it is so
// far from a rounding boundary that a relative error of 2^-44 does not matter (every libm in use is far better); else round_real.
class FunctionRounder {
 public:
  explicit FunctionRounder(const Format& format);  // std::invalid_argument unless format.fits_double()
  double exp(double x) const;
  double tanh(double x) const;
  double erf(double x) const;
  double inverse_sqrt(double x) const;
  // The same of each value, in place.
  void exp(std::span<double> values) const;
  void tanh(std::span<double> values) const;
  void erf(std::span<double> values) const;

 private:
  template <class Approximates, class Rounds>
  void each(std::span<double> values, const Approximates& approximate, const Rounds& rounded) const;
  template <class Encloses>
  double decide(double approximation, const Encloses& enclose) const;
  Format format_;
  DoubleRounder rounder_;
  bool wide_;  // the C library is not accurate enough to decide
};

}  // namespace snellen
