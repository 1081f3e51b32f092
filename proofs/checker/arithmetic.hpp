// The checker's numbers: intervals by MPFI, and their ends by MPFR.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/number/dyadic.hpp"
#include "lib/number/interval.hpp"

namespace snellen::check {

using Number = IntervalArithmetic::Number;
using Vector = std::vector<Number>;

inline mpfr_srcptr lower(const Number& x) { return &IntervalArithmetic::raw(x)->left; }
inline mpfr_srcptr upper(const Number& x) { return &IntervalArithmetic::raw(x)->right; }
inline mpfr_ptr lower(Number& x) { return &IntervalArithmetic::raw(x)->left; }
inline mpfr_ptr upper(Number& x) { return &IntervalArithmetic::raw(x)->right; }

// Both ends are numbers. What is not finite says nothing, and nothing is proved from it.
inline bool is_finite(const Number& x) { return mpfr_number_p(lower(x)) != 0 && mpfr_number_p(upper(x)) != 0; }
bool is_finite(const Vector& x);

// Every real number.
void set_everything(Number& x);
// The smallest interval that contains both.
void unite(Number& x, const Number& y);

// "[1.234e-5, 1.235e-5]", rounded outward.
std::string shown(const Number& x);
std::string shown(mpfr_srcptr x);

}  // namespace snellen::check
