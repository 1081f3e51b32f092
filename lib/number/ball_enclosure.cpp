#include "lib/number/ball_enclosure.hpp"

namespace snellen {
namespace {

void set_end(Dyadic& end, arb_srcptr ball, long bits, bool lower) {
  if (!arb_is_finite(ball)) {
    mpfr_set_inf(end.get(), lower ? -1 : +1);
    return;
  }
  arf_t t;
  arf_init(t);
  if (lower) arb_get_lbound_arf(t, ball, bits);
  else arb_get_ubound_arf(t, ball, bits);
  end = Dyadic::of(t, lower ? MPFR_RNDD : MPFR_RNDU);
  arf_clear(t);
}

}  // namespace

Enclosure enclosure_between(arb_srcptr low, arb_srcptr high, long bits) {
  Enclosure result;
  set_end(result.lower, low, bits, true), set_end(result.upper, high, bits, false);
  return result;
}

Enclosure enclosure_of(arb_srcptr ball, long bits) { return enclosure_between(ball, ball, bits); }

Dyadic upper_of(const Magnitude& bound) {
  arf_t x;
  arf_init(x);
  arf_set_mag(x, bound.get());
  Dyadic result = Dyadic::of(x, MPFR_RNDU);
  arf_clear(x);
  return result;
}

}  // namespace snellen
