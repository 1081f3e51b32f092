// A number in a double, for what runs in doubles with an enclosed error.
#pragma once

#include "proofs/checker/arithmetic.hpp"

namespace snellen::check {

// A double near the middle of x, and at least how far any number of x is from it; infinite for what is not finite.
struct RoundedNumber { double middle, error; };
RoundedNumber rounded(const Number& x);

}  // namespace snellen::check
