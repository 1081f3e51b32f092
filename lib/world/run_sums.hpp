// Sums over the tokens of a run against turning modes: sum over e of e^(-i tau_m e) x_e, in doubles whose errors are enclosed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/world/rotary_modes.hpp"

namespace snellen {

struct RunSums {
  std::size_t columns = 0;
  std::vector<double> real, imag;  // [mode][column]
};

// x [tokens][columns], moderate; token e - begin stands for e = begin, begin + 1, ..., fewer than 2^19 of them. Each sum's columns err together, in the 2-norm of any columns c of it, by less than
// run_sums_error times the sum over the tokens of |x_e| restricted to c: each power errs by 2^-39, each product and addition of the two parts by gamma_(n+2), n < 2^19, and both parts add.
inline constexpr double run_sums_error = 0x1p-32;
RunSums run_sums(const RotaryModes& modes, const RotaryFrequencies& frequencies, std::span<const double> x, std::size_t columns, std::int64_t begin, long bits);

}  // namespace snellen
