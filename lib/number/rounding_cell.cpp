#include "lib/number/rounding_cell.hpp"

#include <algorithm>

namespace snellen {
namespace {

constexpr long inside = 40;

// 2^e of the steps of the format at a value; `exponent` is that of the value, emin for subnormals and zero.
long exponent_at(const Format& format, const Dyadic& value) {
  if (mpfr_zero_p(value.get()) != 0) return format.emin;
  return std::max(format.emin, static_cast<long>(mpfr_get_exp(value.get())) - 1);
}

bool is_power_of_two(const Dyadic& value) {
  Dyadic significand(mpfr_get_prec(value.get()));
  mpfr_set(significand.get(), value.get(), MPFR_RNDN), mpfr_abs(significand.get(), significand.get(), MPFR_RNDN);
  mpfr_set_exp(significand.get(), 1);
  return mpfr_cmp_ui(significand.get(), 1) == 0;
}

}  // namespace

std::optional<Enclosure> rounding_cell(const Format& format, const Enclosure& x) {
  if (!x.is_finite()) return std::nullopt;
  const Rounded low = round(format, x.lower), high = round(format, x.upper);
  if (low.status != RoundStatus::finite || high.status != RoundStatus::finite || !(low.value == high.value)) return std::nullopt;
  const Dyadic& value = low.value;
  const long exponent = exponent_at(format, value), half_step = exponent - format.precision;
  // Towards zero from a power of two the neighbours are twice as close.
  const bool closer = mpfr_zero_p(value.get()) == 0 && exponent > format.emin && is_power_of_two(value);
  const bool negative = mpfr_signbit(value.get()) != 0;
  const mpfr_prec_t bits = std::max<mpfr_prec_t>(mpfr_get_prec(value.get()), format.precision) + inside + 4;
  const auto end = [&](bool upper) {
    const bool towards_zero = mpfr_zero_p(value.get()) == 0 && upper == negative;
    const long half = towards_zero && closer ? half_step - 1 : half_step;
    Dyadic reach = Dyadic::power_of_two(half), margin = Dyadic::power_of_two(half - inside), result(bits);
    (upper ? mpfr_add : mpfr_sub)(result.get(), value.get(), reach.get(), MPFR_RNDN);
    (upper ? mpfr_sub : mpfr_add)(result.get(), result.get(), margin.get(), MPFR_RNDN);
    return result;
  };
  Enclosure cell{end(false), end(true)};
  // Rounding is monotone: what lies between two numbers that round to `value` does, too. So nothing rests on the formulas above.
  for (const Dyadic* e : {&cell.lower, &cell.upper}) {
    const Rounded rounded = round(format, *e);
    if (rounded.status != RoundStatus::finite || !(rounded.value == value)) return std::nullopt;
  }
  if (!(cell.lower < x.lower) || !(x.upper < cell.upper)) return std::nullopt;
  return cell;
}

}  // namespace snellen
