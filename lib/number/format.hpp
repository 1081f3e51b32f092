// A binary floating-point format and its rounding to nearest, ties to even: exact for every input.
//
// A finite value of the format is k * 2^(e - precision + 1) with |k| < 2^precision and emin <= e <= emax; values below
// 2^emin are subnormal. `largest` is the largest finite value: (2 - 2^(1-precision)) * 2^emax unless the format gives
// its topmost codes to NaN (OCP e4m3: 448).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/number/arithmetic.hpp"
#include "lib/number/dyadic.hpp"
#include "lib/number/grid_rounder.hpp"

namespace snellen {

struct Format {
  std::string name;
  int precision = 0;  // significand bits, the hidden one included
  long emin = 0;      // exponent of the smallest normal value 2^emin
  long emax = 0;      // exponent of the largest values
  Overflow overflow = Overflow::infinity;
  bool top_code_is_nan = false;  // finite-only formats: the all-ones code is NaN, so `largest` is one step lower

  Dyadic largest() const;
  Dyadic smallest_normal() const;     // 2^emin
  Dyadic smallest_subnormal() const;  // 2^(emin - precision + 1)
  // Every value is a double (so that emulation in doubles is possible): true for fp64 and everything smaller.
  bool fits_double() const;
};

// The same values and the same overflow, whatever the names.
bool operator==(const Format& a, const Format& b);

enum class RoundStatus { finite, overflow, nan };

// rd_F(x): round to nearest, ties to even. On overflow the value is the one that the format's overflow mode gives. -0 stays -0,
// and a negative value that underflows becomes -0. An infinite x overflows; a NaN x is `nan`.
struct Rounded {
  Dyadic value;
  RoundStatus status = RoundStatus::finite;
};
Rounded round(const Format& format, const Dyadic& x);

// The same for a double x and a format with fits_double(): identical to round(format, Dyadic::of(x)). Fast enough for inner loops.
// Overflow shows in the value (infinity, +-largest or NaN).
class DoubleRounder {
 public:
  explicit DoubleRounder(const Format& format);  // std::invalid_argument unless format.fits_double()
  double operator()(double x) const;
  void round_all(double* values, std::size_t count) const;  // in place
  double sum(std::span<const double> values) const;         // from 0 and the first value on, rounded after each
  double largest() const { return grid_.largest; }

 private:
  enum class Path { identity, cast, grid, exact };
  Format format_;
  Path path_;
  GridRounder<double> grid_;
};

// The formats Snellen ships, by name: "e5m2", "e4m3" (finite-only, NaN on overflow), "e4m3-saturating", "e5m2-saturating", "fp16", "bf16", "tf32", "fp32", "fp64".
const std::vector<Format>& shipped_formats();
// A shipped format by name, or a user's "pP:EMIN:EMAX" such as "p12:-30:31" (IEEE-like, infinity on overflow;
// 2 <= P <= 10^6, |EMIN| and |EMAX| <= 2^28, EMIN <= EMAX). Empty if the name is not understood.
std::optional<Format> find_format(std::string_view name);

}  // namespace snellen
