#include "lib/number/exact_product/long_kernels.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {
namespace {

constexpr std::uint64_t mask = (std::uint64_t{1} << long_digit_bits) - 1;

// One lane, A of them digits of A against one of B.
template <std::size_t A>
void lane_tile(const std::uint64_t* a, std::size_t a_step, const std::uint64_t* b, std::size_t b_step, std::size_t count, std::uint64_t* sums) {
  UInt128 sum[A] = {};
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint64_t digit = b[k * b_step];
    for (std::size_t i = 0; i < A; ++i) sum[i] += UInt128{a[k * a_step + i * long_lanes]} * digit;
  }
  for (std::size_t i = 0; i < A; ++i) {
    sums[i * long_lanes] += static_cast<std::uint64_t>(sum[i]) & mask;
    sums[(i + 1) * long_lanes] += static_cast<std::uint64_t>(sum[i] >> long_digit_bits);
  }
}

void portable_fractions(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t out_digits,
                                 std::uint64_t* result) {
  const std::size_t all = a_digits + b_digits, first = all - out_digits;
  for (std::size_t l = 0; l < long_lanes; ++l) {
    UInt128 sum = 0;
    for (std::size_t s = first < 2 ? 0 : first - 2; s < all; ++s) {
      for (std::size_t i = s < b_digits ? 0 : s - b_digits + 1; i < a_digits && i <= s; ++i)
        sum += UInt128{a[i * long_lanes + l]} * b[(s - i) * long_lanes + l];
      if (s >= first) result[(s - first) * long_lanes + l] = static_cast<std::uint64_t>(sum) & mask;
      sum >>= long_digit_bits;
    }
  }
}

void carry(std::uint64_t* sums, std::size_t digits) {
  for (std::size_t d = 0; d + 1 < digits; ++d)
    for (std::size_t l = 0; l < long_lanes; ++l) {
      sums[(d + 1) * long_lanes + l] += sums[d * long_lanes + l] >> long_digit_bits;
      sums[d * long_lanes + l] &= mask;
    }
}

void portable_products(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t count,
                            std::uint64_t* sums) {
  for (std::size_t lane = 0; lane < long_lanes; ++lane)
    for (std::size_t j = 0; j < b_digits; ++j) {
      std::size_t i = 0;
      for (; i + 3 <= a_digits; i += 3)
        lane_tile<3>(a + i * long_lanes + lane, a_digits * long_lanes, b + j, b_digits, count, sums + (i + j) * long_lanes + lane);
      for (; i < a_digits; ++i)
        lane_tile<1>(a + i * long_lanes + lane, a_digits * long_lanes, b + j, b_digits, count, sums + (i + j) * long_lanes + lane);
    }
}

}  // namespace

const LongKernels& long_kernels_of(ProductPath path) {
#if defined(__x86_64__)
  if (path == ProductPath::avx512) return avx512_long_kernels();
  if (path == ProductPath::avx512_fma) return avx512_fma_long_kernels();
#endif
  static constexpr LongKernels portable{portable_products, portable_fractions};
  return portable;
}

void multiply_fractions(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t out_digits,
                        std::uint64_t* result, ProductPath path) {
  long_kernels_of(path).fractions(a, a_digits, b, b_digits, out_digits, result);
}

void add_long_products(const std::uint64_t* a, std::size_t a_digits, const std::uint64_t* b, std::size_t b_digits, std::size_t count,
                       std::uint64_t* sums, ProductPath path) {
  const LongKernels& kernels = long_kernels_of(path);
  const std::size_t at_once = 4095 / (2 * std::min(a_digits, b_digits));
  if (at_once == 0) throw std::logic_error("add_long_products: too many digits");
  for (std::size_t k = 0; k < count; k += at_once) {
    kernels.products(a + k * a_digits * long_lanes, a_digits, b + k * b_digits, b_digits, std::min(at_once, count - k), sums);
    carry(sums, a_digits + b_digits);
  }
}

}  // namespace snellen
