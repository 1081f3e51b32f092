#include "lib/world/accumulator.hpp"

#include <algorithm>
#include <limits>

namespace snellen {
namespace {

constexpr std::size_t lanes = Accumulator<float>::lanes;

template <std::size_t Rows, class Real, class Rounds>
SNELLEN_INLINE void accumulate_rows(const Rounds& rounds, const Real* weights, const Real* inputs, std::size_t stride, std::size_t length, Real* sums) {
  Real local[Rows][lanes];
  std::copy_n(sums, Rows * lanes, &local[0][0]);
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t t = 0; t < Rows; ++t) {
      const Real input = inputs[t * stride + i];
#pragma omp simd
      for (std::size_t l = 0; l < lanes; ++l) local[t][l] = rounds(local[t][l] + rounds(weights[i * lanes + l] * input));
    }
  }
  std::copy_n(&local[0][0], Rows * lanes, sums);
}

template <class Real, class Rounds>
SNELLEN_INLINE void accumulate(Rounds rounds, const Real* weights, const Real* inputs, std::size_t stride, std::size_t count, std::size_t length, Real* sums) {
  switch (count) {
    case 1: return accumulate_rows<1>(rounds, weights, inputs, stride, length, sums);
    case 2: return accumulate_rows<2>(rounds, weights, inputs, stride, length, sums);
    case 3: return accumulate_rows<3>(rounds, weights, inputs, stride, length, sums);
    case 4: return accumulate_rows<4>(rounds, weights, inputs, stride, length, sums);
  }
}

// One function for each kind, since only functions that are no templates can be multiversioned.
#define SNELLEN_KERNEL(name, Real, Rounds)                                                                                              \
  SNELLEN_MULTIVERSION void name(const Rounds& rounds, const Real* weights, const Real* inputs, std::size_t stride, std::size_t count, \
                                 std::size_t length, Real* sums) {                                                                     \
    accumulate<Real, Rounds>(rounds, weights, inputs, stride, count, length, sums);                                                    \
  }
SNELLEN_KERNEL(kernel, float, HardwareRounds)
SNELLEN_KERNEL(kernel, float, GridRounder<float>)
SNELLEN_KERNEL(kernel, float, PrefixRounder<float>)
SNELLEN_KERNEL(kernel, double, HardwareRounds)
SNELLEN_KERNEL(kernel, double, GridRounder<double>)
SNELLEN_KERNEL(kernel, double, PrefixRounder<double>)
#undef SNELLEN_KERNEL

template <class Real>
struct Limits {
  static constexpr int digits = std::numeric_limits<Real>::digits;
  static constexpr long emin = std::numeric_limits<Real>::min_exponent - 1, emax = std::numeric_limits<Real>::max_exponent - 1;
  static constexpr long step = emin - digits + 1;  // exponent of the smallest subnormal
};

}  // namespace

template <class Real>
std::optional<Accumulator<Real>> Accumulator<Real>::make(const Format& format, std::span<const Format> operands) {
  using L = Limits<Real>;
  int widest = format.precision;
  for (const Format& operand : operands) {
    if (operand.precision > L::digits || operand.emin - operand.precision + 1 < L::step || operand.emax > L::emax) return {};
    widest = std::max(widest, operand.precision);
  }
  const bool ieee = format.overflow == Overflow::infinity && !format.top_code_is_nan;
  if (format.precision == L::digits && format.emin == L::emin && format.emax == L::emax && ieee)
    return Accumulator(HardwareRounds{});
  if (format.emax > L::emax || 2 * format.precision + 2 > L::digits || !GridRounder<Real>::fits(format.precision, format.emin)) return {};
  // A product of at least half the format's smallest step has its last bit at this exponent or above.
  if (2 * widest > L::digits || format.emin - format.precision - 2 * widest + 1 < L::step) return {};
  if (PrefixRounder<Real>::fits(format.precision, format.emin, format.emax) && ieee)
    return Accumulator(PrefixRounder<Real>{L::digits - format.precision});
  return Accumulator(GridRounder<Real>(format.precision, format.emin, static_cast<Real>(format.largest().to_double(MPFR_RNDN)), format.overflow));
}

template <class Real>
void Accumulator<Real>::operator()(const Real* weights, const Real* inputs, std::size_t input_stride, std::size_t count_of_inputs, std::size_t length,
                                   Real* sums) const {
  std::visit([&](const auto& rounds) { kernel(rounds, weights, inputs, input_stride, count_of_inputs, length, sums); }, rounds_);
}

template class Accumulator<float>;
template class Accumulator<double>;

}  // namespace snellen
