// The inner loop of an emulated engine: many sums of products side by side, each rounded step by step as the accumulator format says.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <variant>

#include "lib/number/format.hpp"

namespace snellen {

// The accumulator's format is the hardware's own.
struct HardwareRounds {
  template <class Real>
  SNELLEN_INLINE Real operator()(Real x) const { return x; }
};

// Real is float or double: the type whose hardware arithmetic carries the emulation.
template <class Real>
class Accumulator {
 public:
  static constexpr std::size_t lanes = 16;  // outputs side by side
  static constexpr std::size_t rows = 4;    // inputs served by one load of the weights

  // Sums in `format` of products of values of the formats in `operands` (each value an operand or a value of the accumulator).
  // Empty unless Real's arithmetic followed by rounding to `format` is exactly the rounding of the real product and of the real sum:
  // - format is Real itself and the operands are Reals: the hardware's own multiplication and addition;
  // - else products of operands are exact in Real, or so small that the format rounds them to zero either way; and Real has at
  //   least 2p + 2 bits, where rounding a sum twice gives the same as once (Figueroa 1995).
  static std::optional<Accumulator> make(const Format& format, std::span<const Format> operands);

  // For t < count_of_inputs <= rows, l < lanes, i = 0, 1, ..., length - 1 in this order:
  //   sums[t * lanes + l] = rd(sums[t * lanes + l] + rd(weights[i * lanes + l] * inputs[t * input_stride + i])).
  void operator()(const Real* weights, const Real* inputs, std::size_t input_stride, std::size_t count_of_inputs, std::size_t length, Real* sums) const;

 private:
  using Rounds = std::variant<HardwareRounds, PrefixRounder<Real>, GridRounder<Real>>;
  explicit Accumulator(Rounds rounds) : rounds_(rounds) {}
  Rounds rounds_;
};

extern template class Accumulator<float>;
extern template class Accumulator<double>;

}  // namespace snellen
