// Taylor models (lib/number/taylor) and the decays along a run (lib/number/decay): a function that the operands enclose and the result does not?
#include <cmath>

#include "lib/number/decay.hpp"
#include "lib/number/taylor.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr std::size_t degree = 3, length = degree + 1;

struct Function {
  BallVector model{length};
  Ball value;  // of one function that the model encloses, at t
};

// Coefficients of all sizes; the function is off the polynomial by a share of the radius.
Function function(Reader& read, arb_srcptr t, double constant) {
  Function f;
  const double size = std::exp2(-12 * std::fabs(read.number()));
  BallVector middle(length);
  for (std::size_t k = 0; k < length; ++k) arb_set_d(f.model[k], (k == 0 ? constant : 0) + size * read.number()), arb_set(middle[k], f.model[k]);
  mag_set_d(arb_radref(f.model[0]), std::exp2(-40 * std::fabs(read.number())) * (read.below(3) == 0 ? 0 : 1));
  _arb_poly_evaluate(f.value, middle[0], static_cast<slong>(length), t, bits);
  Ball error, share;
  arb_get_rad_arb(error, f.model[0]);
  arb_set_d(share, read.number());
  arb_addmul(f.value, error, share, bits);
  return f;
}
constexpr std::size_t function_numbers = length + 4;

Attempt taylor(Point point) {
  Reader read(point);
  const std::size_t operation = read.below(8);
  Ball t;
  arb_set_d(t, read.number());
  constexpr double constants[] = {0, 0, 2, 2, 0, 0, 0, 0};
  const Function f = function(read, t, constants[operation]), g = function(read, t, 0);
  const TaylorArithmetic arithmetic(96, degree);
  BallVector result(length);
  Ball value;
  switch (operation) {
    case 0: arithmetic.multiply(result[0], f.model[0], g.model[0]), arb_mul(value, f.value, g.value, bits); break;
    case 1: arithmetic.add(result[0], f.model[0], g.model[0]), arb_add(value, f.value, g.value, bits); break;
    case 2: arithmetic.inverse(result[0], f.model[0]), arb_inv(value, f.value, bits); break;
    case 3: arithmetic.inverse_sqrt(result[0], f.model[0]), arb_rsqrt(value, f.value, bits); break;
    case 4: arithmetic.exp(result[0], f.model[0]), arb_exp(value, f.value, bits); break;
    case 5: arithmetic.erf(result[0], f.model[0]), arb_hypgeom_erf(value, f.value, bits); break;
    case 6:
      arithmetic.relu(result[0], f.model[0]);
      if (arb_is_negative(f.value)) arb_zero(value);
      else arb_set(value, f.value);
      break;
    default: arithmetic.range(result[0], f.model[0]), arb_set(value, f.value); break;
  }
  if (!_arb_vec_is_finite(result[0], static_cast<slong>(length))) return nothing_tested();
  Ball off, error;
  arb_get_rad_arb(error, result[0]);
  for (std::size_t k = 0; k < length; ++k) {
    if (k > 0 && mag_is_special(arb_radref(result[k])) == 0) return {2, true};  // higher coefficients are exact by definition
    mag_zero(arb_radref(result[k]));
  }
  _arb_poly_evaluate(off, result[0], static_cast<slong>(length), t, bits);
  arb_sub(off, value, off, bits), arb_abs(off, off);
  return compare(off, error);
}

Ball magnitude(const Magnitude& x) {
  Ball result;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(result)), x.get());
  return result;
}

// c_0 M/j + c_1 log(j/M) M/j.
Ball value_at(const Decay& x, long j, long first) {
  Ball ratio, power, total;
  arb_set_si(ratio, first), arb_div_si(ratio, ratio, j, bits);
  arb_log(power, ratio, bits), arb_neg(power, power);
  Ball basis = ratio;
  for (std::size_t k = 0; k < x.terms(); ++k) {
    arb_addmul(total, magnitude(x[k]), basis, bits);
    if (j == first) break;  // log 1 = 0
    arb_mul(basis, basis, power, bits);
  }
  return total;
}

// The averages, sums, suprema and look-backs of the largest sequence that a decay allows.
Attempt decay(Point point) {
  Reader read(point);
  const long first = 1 + static_cast<long>(read.below(40)), j = first + static_cast<long>(read.below(400)), back = static_cast<long>(read.below(30));
  const std::size_t terms = 1 + read.below(3);
  const Decays decays{Length(first)};
  Magnitude c;
  mag_set_d(c.get(), std::exp2(20 * read.number()));
  Decay x = Decay::inverse(c);
  while (x.terms() < terms) x = decays.average(x);
  Ball sum;
  for (long i = first; i <= j; ++i) arb_add(sum, sum, value_at(x, i, first), bits);
  const Ball last = value_at(x, j, first), reached = value_at(x, std::max(first, j - back), first);
  Ball mean;
  arb_div_si(mean, sum, j, bits);
  Attempt best = nothing_tested();
  for (const Attempt& one : {compare(mean, value_at(decays.average(x), j, first)), compare(sum, magnitude(decays.sum(x, Length(j + 1)))),
                             compare(last, magnitude(decays.from(x, Length(std::max(first, j - back))))),
                             compare(reached, value_at(decays.reaching_back(x, Length(back)), j, first))}) {
    if (one.broken) return one;
    best.closeness = std::max(best.closeness, one.closeness);
  }
  return best;
}

const Registered r1({"taylor", "TaylorArithmetic: every operation encloses every function", 2 + 2 * function_numbers, taylor});
const Registered r2({"decay", "Decays: average, sum, supremum, look-back", 5, decay, 8});

}  // namespace
}  // namespace snellen::attacks
