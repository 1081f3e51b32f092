// Sums of products of small integers, held in doubles: exact, in whatever order and fused or not.
#pragma once

#include <cstddef>
#include <span>

namespace snellen::check {

struct DigitKernel {
  static constexpr std::size_t lanes = 16, streams = 4;
  static constexpr long digit_bits = 21;
  // |digit| <= 2^20, so that a product is at most 2^40, and every sum of this many at most 2^53: a whole number that a double holds, and so are all sums on the way.
  static constexpr std::size_t most_terms = std::size_t{1} << 13;

  const char* name;
  // sums[s][l] = the sum of w[j][s] x[j][l] over j < count <= most_terms.
  void (*multiply)(double* sums, const double* w, const double* x, std::size_t count);
};

// Those that this processor runs, the fastest first.
std::span<const DigitKernel> digit_kernels();

}  // namespace snellen::check
