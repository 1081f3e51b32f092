#include "lib/number/power_sums.hpp"

#include <stdexcept>

namespace snellen {
namespace {

// G(x) with G(x) - G(x - step) = x^k and no constant term: the sum over i <= k of C(k+1, i) B_i step^(i-1) x^(k+1-i) / (k+1), B_1 = +1/2.
// Coefficients 0, ..., k+1.
BallVector antidifference(std::size_t k, arb_srcptr step, long bits) {
  BallVector g(k + 2);
  Ball power, bernoulli, term;  // power = step^(i-1)
  arb_inv(power, step, bits);
  for (std::size_t i = 0; i <= k; ++i) {
    arb_bernoulli_ui(bernoulli, i, bits);
    if (i == 1) arb_abs(bernoulli, bernoulli);
    arb_bin_uiui(term, k + 1, i, bits);
    arb_mul(term, term, bernoulli, bits);
    arb_mul(term, term, power, bits);
    arb_div_ui(g[k + 1 - i], term, k + 1, bits);
    arb_mul(power, power, step, bits);
  }
  return g;
}

}  // namespace

PowerSums::PowerSums(const Length& first, const Length& last, std::size_t degree, long bits)
    : count_(last - first + 1), twice_centre_(first + last), bits_(bits), whole_(2 * degree + 1) {
  if (first >= last) throw std::logic_error("PowerSums: at least two integers");
  set_length(step_, last - first);
  arb_ui_div(step_, 2, step_, bits);
  Ball before, value;  // before = t_{first-1} = -1 - step
  arb_add_ui(before, step_, 1, bits);
  arb_neg(before, before);
  for (std::size_t k = 0; k <= 2 * degree; ++k) {
    BallVector g = antidifference(k, step_, bits);
    const auto length = static_cast<slong>(k + 2);
    _arb_poly_evaluate_horner(value, g[0], length, before, bits);
    arb_sub(g[0], g[0], value, bits);
    if (k % 2 == 0) {  // odd powers cancel exactly: t_{first+i} = -t_{last-i}
      Ball one;
      arb_one(one);
      _arb_poly_evaluate_horner(whole_[k], g[0], length, one, bits);
    }
    if (k <= degree) parts_.push_back(std::move(g));
  }
}

void PowerSums::position(arb_ptr t, const Length& n) const {
  set_length(t, 2 * n - twice_centre_);
  arb_mul(t, t, step_, bits_);
  arb_mul_2exp_si(t, t, -1);
}

}  // namespace snellen
