// Intervals on a grid: a whole number for each, and how far it may be from all of the interval. Integers add and multiply without roundings, and small ones cost less.
#pragma once

#include <boost/multiprecision/gmp.hpp>

#include "proofs/checker/taylor.hpp"

namespace snellen::check {

using Integer = boost::multiprecision::number<boost::multiprecision::gmp_int, boost::multiprecision::et_off>;

inline mpz_ptr raw(Integer& x) { return x.backend().data(); }
inline mpz_srcptr raw(const Integer& x) { return x.backend().data(); }

// Entry k lies within `radius` of points[k] 2^unit.
struct Grid {
  long unit = 0;
  std::vector<Integer> points;
  Upper largest_radius, sum_of_radii;  // infinite where an entry is not finite

  // The grid is 2^-bits of the power of two above the largest entry of all of `together`, of which `x` is a part.
  Grid(const Vector& x, long unit);
};

// That power of two's exponent, less `bits`; zero where there is nothing but zeros.
long grid_unit(const std::vector<Vector>& together, long bits);

// An interval of `bits` bits that contains x 2^exponent.
Number enclosed(const Integer& x, long exponent, long bits);

}  // namespace snellen::check
