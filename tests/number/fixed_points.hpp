// Points within the errors of columns in fixed point, and the paths that are compared.
#pragma once

#include <initializer_list>
#include <vector>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/fixed_columns.hpp"

namespace snellen {

// Those of these that this machine has.
inline std::vector<ProductPath> available_of(std::initializer_list<ProductPath> paths) {
  std::vector<ProductPath> result;
  for (const ProductPath path : paths)
    if (available(path)) result.push_back(path);
  return result;
}

// |x_c - the midpoints of column c|_2 <= the column's error, in arithmetic of `bits` bits (ARF_PREC_EXACT: for exact x).
inline bool holds(const FixedColumns& columns, std::size_t c, const BallMatrix& x, slong bits) {
  const BallMatrix midpoints = columns.midpoints();
  Ball sum, t, bound;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    arb_sub(t, x(i, c), midpoints(i, c), bits);
    arb_addmul(sum, t, t, bits);
  }
  arf_set_mag(arb_midref(static_cast<arb_ptr>(bound)), columns.column(c).error.get());
  arb_mul(bound, bound, bound, bits);
  return arb_le(sum, bound);
}

}  // namespace snellen
