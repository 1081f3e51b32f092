// Numbers as reports print them. Decimals round outward, so that what is printed still encloses; hex floats are exact.
#pragma once

#include <mpfr.h>

#include <optional>
#include <string>

#include "lib/number/dyadic.hpp"

namespace snellen {

// Significant digits of every decimal in report.json and distances.csv: a double printed with 17 is recovered exactly.
inline constexpr int kReportDigits = 17;

// A decimal that parsers of JSON strings, CSV and MPFR read, rounded in `direction`; zero is "0", others as "1.0416e-07".
// Infinities and NaN are "inf", "-inf", "nan".
std::string decimal_text(const Dyadic& x, mpfr_rnd_t direction, int digits = kReportDigits);
inline std::string lower_text(const Dyadic& x) { return decimal_text(x, MPFR_RNDD); }
inline std::string upper_text(const Dyadic& x) { return decimal_text(x, MPFR_RNDU); }

// For people: three digits, "1.05e-7", or plain where that is shorter ("0.25", "37.1").
std::string rough_text(const Dyadic& x, mpfr_rnd_t direction);
// For people: "2^-7" for a power of two, else rough_text to nearest.
std::string power_text(const Dyadic& x);
// k with x = 2^k.
std::optional<long> exponent_of_power_of_two(const Dyadic& x);

// To place a point in a picture, never to decide anything. -inf for zero and below.
double approximate_log10(const Dyadic& x);

}  // namespace snellen
