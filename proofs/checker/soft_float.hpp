// The arithmetic of one floating-point format, in integers: a result is the exact one, rounded once, to nearest, ties to even. Slow and simple; nothing is taken from
// the processor's floating point, whose doubles only carry the values.
//
// What is not finite is NaN here: an infinity is not followed, so that no statement rests on what an engine makes of one. A format that saturates has finite results.
#pragma once

#include <mpfr.h>

#include <cstdint>

#include "proofs/certificate/certificate.hpp"

namespace snellen::check {

class SoftFloat {
 public:
  // All values are doubles.
  static bool carries(const CertificateFormat& format) { return format.precision <= 53 && format.emin - format.precision + 1 >= -1074 && format.emax <= 1023; }
  explicit SoftFloat(const CertificateFormat& format);

  double round(double x) const;
  double add(double x, double y) const;
  double subtract(double x, double y) const { return add(x, -y); }
  double multiply(double x, double y) const;
  double divide(double x, double y) const;

  double exp(double x) const;
  double tanh(double x) const;
  double erf(double x) const;
  double inverse_sqrt(double x) const;
  double sqrt(double x) const;
  double power_of_two(std::int64_t numerator, std::int64_t denominator) const;  // 2^(numerator/denominator), the denominator a power of two
  double root_of_two_over_pi() const;                                           // sqrt(2 / pi)

  double largest() const { return largest_; }

  // s after `steps` times s <- add(s, c): the same bits, in leaps over whole binades (`repeated_sum`, proofs/engines.md).
  double add_again(double s, double c, std::int64_t steps) const;
  // How many of these steps change s, if there are ever so many.
  std::int64_t steps_to_settle(double s, double c) const;

 private:
  // +- m 2^e; `more`: and less than 2^e beside it, away from zero.
  struct Exact {
    bool negative;
    unsigned __int128 m;
    long e;
    bool more;
  };
  static Exact parts(double x);  // m has its topmost bit at 52, or is 0
  double rounded(const Exact& x) const;
  template <class Function>
  double of(double x, const Function& function) const;
  double truncated(mpfr_srcptr x, bool inexact) const;
  // As many steps as are known to move s by the same number of units: s is moved; 0 where it must be taken one by one.
  std::int64_t leap(double& s, double c, std::int64_t most) const;

  long precision_, emin_;
  double largest_;
  bool saturates_;
};

}  // namespace snellen::check
