#include "proofs/checker/grid.hpp"

#include <algorithm>

namespace snellen::check {

Grid::Grid(const Vector& x, long grid) : unit(grid) {
  for (const Number& entry : x) {
    points.emplace_back();
    Upper radius = Upper::radius(entry);
    if (is_finite(entry)) {
      // The midpoint is off the grid by less than one unit.
      Dyadic middle(static_cast<mpfr_prec_t>(mpfr_get_prec(lower(entry))));
      mpfr_mul_2si(middle.get(), lower(midpoint(entry)), -unit, MPFR_RNDN);
      mpfr_get_z(raw(points.back()), middle.get(), MPFR_RNDN);
      if (!mpfr_integer_p(middle.get())) radius += Upper(1).scaled(unit);
    }
    if (largest_radius < radius) largest_radius = radius;
    sum_of_radii += radius;
  }
}

long grid_unit(const std::vector<Vector>& together, long bits) {
  std::optional<long> top;
  for (const Vector& x : together)
    for (const Number& entry : x)
      for (mpfr_srcptr end : {lower(entry), upper(entry)})
        if (mpfr_regular_p(end)) top = std::max(top.value_or(mpfr_get_exp(end)), static_cast<long>(mpfr_get_exp(end)));
  return top ? *top - bits : 0;
}

Number enclosed(const Integer& x, long exponent, long bits) {
  Number result = IntervalArithmetic(bits).zero();
  mpfi_set_z(IntervalArithmetic::raw(result), raw(x));
  mpfi_mul_2si(IntervalArithmetic::raw(result), IntervalArithmetic::raw(result), exponent);
  return result;
}

}  // namespace snellen::check
