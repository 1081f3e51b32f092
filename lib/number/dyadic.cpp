#include "lib/number/dyadic.hpp"

#include <algorithm>
#include <stdexcept>

namespace snellen {
namespace {

std::string printed(const char* format, int digits, mpfr_rnd_t direction, mpfr_srcptr value) {
  char* text = nullptr;
  const int length = digits < 0 ? mpfr_asprintf(&text, format, value) : mpfr_asprintf(&text, format, digits, direction, value);
  if (length < 0) throw std::runtime_error("cannot print a number");
  std::string result(text, static_cast<std::size_t>(length));
  mpfr_free_str(text);
  return result;
}

}  // namespace

Dyadic Dyadic::of(double value) {
  Dyadic result(53);
  mpfr_set_d(result.value_, value, MPFR_RNDN);
  return result;
}

Dyadic Dyadic::of(mpfr_srcptr value) {
  Dyadic result(mpfr_get_prec(value));
  mpfr_set(result.value_, value, MPFR_RNDN);
  return result;
}

Dyadic Dyadic::of(const arf_struct* value, mpfr_rnd_t direction) {
  // arf_bits is the number of significant bits, so nothing is lost within MPFR's exponents.
  Dyadic result(std::max<mpfr_prec_t>(MPFR_PREC_MIN, arf_bits(value)));
  arf_get_mpfr(result.value_, value, direction);
  mpfr_check_range(result.value_, 0, direction);  // arf_get_mpfr leaves exponents that no other function of MPFR allows
  return result;
}

Dyadic Dyadic::power_of_two(long exponent) {
  Dyadic result(MPFR_PREC_MIN);
  mpfr_set_ui_2exp(result.value_, 1, exponent, MPFR_RNDN);
  return result;
}

std::string Dyadic::decimal(int digits, mpfr_rnd_t direction) const {
  return printed("%.*R*e", digits - 1, direction, value_);
}

std::string Dyadic::hex() const { return printed("%Ra", -1, MPFR_RNDN, value_); }

}  // namespace snellen
