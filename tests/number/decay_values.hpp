// What a Decay claims, in balls: sum c_k log(j/M)^k (M/j)^order, written down from the definition and from nothing else.
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/decay.hpp"
#include "tests/catch.hpp"

namespace snellen::testing {

constexpr long decay_bits = 256;

inline Ball ball_of(const Magnitude& x) {
  Ball result;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(result)), x.get());
  return result;
}

// log(j/M)^k (M/j)^order.
inline Ball psi(std::size_t k, const Length& j, const Length& first, unsigned long order = 1) {
  Ball n, m, ratio, result;
  set_length(n, j), set_length(m, first);
  arb_div(ratio, n, m, decay_bits);
  if (j == first) arb_zero(result);
  else arb_log(result, ratio, decay_bits);
  arb_pow_ui(result, result, k, decay_bits);
  for (unsigned long i = 0; i < order; ++i) arb_div(result, result, ratio, decay_bits);
  return result;
}

template <unsigned long order>
Ball value_at(const DecayOf<order>& x, const Length& j, const Length& first) {
  Ball total;
  for (std::size_t k = 0; k < x.terms(); ++k) arb_addmul(total, ball_of(x[k]), psi(k, j, first, order), decay_bits);
  return total;
}

// bound >= truth, the truth known far better than a Magnitude rounds. Only where they are equal may their balls overlap.
inline void require_at_least(arb_srcptr bound, arb_srcptr truth) {
  REQUIRE(arb_is_finite(bound));
  REQUIRE(arb_is_finite(truth));
  REQUIRE(mag_cmp_2exp_si(arb_radref(truth), -100) < 0);
  REQUIRE(!arb_lt(bound, truth));
}

// The same, and no more than 2^-20 of it too much: the bound is the truth, rounded up.
inline void require_just_above(arb_srcptr bound, arb_srcptr truth) {
  require_at_least(bound, truth);
  Ball more;
  arb_mul_2exp_si(more, truth, -20);
  arb_add(more, more, truth, decay_bits);
  REQUIRE(arb_le(bound, more));
}

}  // namespace snellen::testing
