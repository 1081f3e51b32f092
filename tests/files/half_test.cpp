#include "lib/files/half.hpp"

#include <cmath>

#include "tests/catch.hpp"

namespace {

// The value that the definition of a format with so many exponent and fraction bits gives to `bits`.
double defined(std::uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1, all_ones = (1 << exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & all_ones;
  const auto fraction = static_cast<double>(bits & ((1u << fraction_bits) - 1));
  const double sign = (bits >> (exponent_bits + fraction_bits)) != 0 ? -1.0 : 1.0;
  if (exponent == all_ones) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(std::ldexp(1.0, fraction_bits) + fraction, exponent - bias - fraction_bits);
}

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b && std::signbit(a) == std::signbit(b);
}

}  // namespace

TEST_CASE("every fp16 and every bf16 value is widened as its definition says", "[files]") {
  std::size_t compared = 0, finite = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto stored = static_cast<std::uint16_t>(bits);
    const double fp16 = snellen::fp16_to_double(stored), bf16 = snellen::bf16_to_double(stored);
    if (!same(fp16, defined(bits, 5, 10))) FAIL("fp16 " << bits);
    if (!same(bf16, defined(bits, 8, 7))) FAIL("bf16 " << bits);
    compared += 2;
    finite += static_cast<std::size_t>(std::isfinite(fp16)) + static_cast<std::size_t>(std::isfinite(bf16));
  }
  CHECK(compared == 2 * 65536);
  CHECK(finite == 2 * 31 * 1024 + 2 * 255 * 128);
}
