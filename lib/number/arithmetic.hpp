// The assumptions that every certified number rests on, checked where they can be: at compile time.
#pragma once

#include <cfloat>

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "Snellen cannot be compiled with -ffast-math, nor a part of it: its enclosures would prove nothing"
#endif
static_assert(FLT_EVAL_METHOD == 0, "Snellen needs double arithmetic that rounds to double (no x87 excess precision)");
static_assert(FLT_RADIX == 2 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "Snellen needs IEEE binary64 doubles");
