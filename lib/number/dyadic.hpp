// A dyadic rational m * 2^e (or an infinity, or NaN) as a value: an MPFR number that owns its memory and
// is always copied exactly. Nothing here rounds unless told in which direction; code that rounds calls MPFR with an explicit direction.
#pragma once

#include <mpfr.h>

#include <string>
#include <utility>

#include "lib/number/flint.hpp"

namespace snellen {

class Dyadic {
 public:
  explicit Dyadic(mpfr_prec_t bits = 53) { mpfr_init2(value_, bits), mpfr_set_zero(value_, +1); }
  static Dyadic of(double value);                        // exact
  static Dyadic of(mpfr_srcptr value);                   // exact
  // Exact within MPFR's exponents; beyond them, where Arb still computes, the nearest value of MPFR in `direction`.
  static Dyadic of(const arf_struct* value, mpfr_rnd_t direction);
  static Dyadic power_of_two(long exponent);             // exact
  Dyadic(const Dyadic& other) { mpfr_init2(value_, mpfr_get_prec(other.value_)), mpfr_set(value_, other.value_, MPFR_RNDN); }
  Dyadic(Dyadic&& other) noexcept { mpfr_init2(value_, MPFR_PREC_MIN), mpfr_swap(value_, other.value_); }
  Dyadic& operator=(Dyadic other) noexcept { return mpfr_swap(value_, other.value_), *this; }
  ~Dyadic() { mpfr_clear(value_); }

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }

  bool is_finite() const { return mpfr_number_p(value_) != 0; }
  double to_double(mpfr_rnd_t direction) const { return mpfr_get_d(value_, direction); }
  // A decimal with `digits` significant digits rounded in `direction`: "1.0416e-7".
  std::string decimal(int digits, mpfr_rnd_t direction) const;
  // The exact value as a hex float that mpfr_set_str, Python's float.fromhex (to 53 bits) and C's %a readers accept: "0x1.8p-3".
  std::string hex() const;

 private:
  mpfr_t value_;
};

// Exact comparisons of values; NaN compares false with everything.
inline bool operator<(const Dyadic& a, const Dyadic& b) { return mpfr_less_p(a.get(), b.get()) != 0; }
inline bool operator<=(const Dyadic& a, const Dyadic& b) { return mpfr_lessequal_p(a.get(), b.get()) != 0; }
inline bool operator==(const Dyadic& a, const Dyadic& b) { return mpfr_equal_p(a.get(), b.get()) != 0; }

}  // namespace snellen
