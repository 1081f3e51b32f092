#include "reports/numbers.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace snellen {

std::string decimal_text(const Dyadic& x, mpfr_rnd_t direction, int digits) {
  if (mpfr_nan_p(x.get())) return "nan";
  if (mpfr_inf_p(x.get())) return mpfr_signbit(x.get()) ? "-inf" : "inf";
  if (mpfr_zero_p(x.get())) return "0";
  return x.decimal(digits, direction);
}

std::string rough_text(const Dyadic& x, mpfr_rnd_t direction) {
  const std::string text = decimal_text(x, direction, 3);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  const long exponent = std::stol(text.substr(e + 1));
  std::string digits = text.substr(0, e);
  // Moving the point of the three digits changes nothing of what they round to.
  if (exponent >= -2 && exponent <= 2) {
    const bool negative = digits[0] == '-';
    digits.erase(digits.find('.'), 1);
    if (negative) digits.erase(0, 1);
    if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
    digits.insert(exponent < 0 ? 1 : static_cast<std::size_t>(exponent) + 1, ".");
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
    return (negative ? "-" : "") + digits;
  }
  return fmt::format("{}e{}", digits, exponent);
}

std::optional<long> exponent_of_power_of_two(const Dyadic& x) {
  if (!mpfr_regular_p(x.get()) || mpfr_signbit(x.get())) return std::nullopt;
  const long exponent = mpfr_get_exp(x.get()) - 1;
  if (mpfr_cmp_ui_2exp(x.get(), 1, exponent) != 0) return std::nullopt;
  return exponent;
}

std::string power_text(const Dyadic& x) {
  if (const auto exponent = exponent_of_power_of_two(x)) return fmt::format("2^{}", *exponent);
  return rough_text(x, MPFR_RNDN);
}

double approximate_log10(const Dyadic& x) {
  if (mpfr_nan_p(x.get())) return std::numeric_limits<double>::quiet_NaN();
  if (mpfr_sgn(x.get()) <= 0) return -std::numeric_limits<double>::infinity();
  Dyadic result(53);
  mpfr_log10(result.get(), x.get(), MPFR_RNDN);
  return result.to_double(MPFR_RNDN);
}

}  // namespace snellen
