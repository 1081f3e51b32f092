// The two 16-bit formats, widened exactly (every value of both is a float, subnormals, infinities and NaN included).
#pragma once

#include <bit>
#include <cstdint>

namespace snellen {

// bfloat16: the upper half of a float.
constexpr float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

// IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
constexpr float fp16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // fraction * 2^-24, a normal float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 127 - 15) << 23) | (fraction << 13));
}

constexpr double bf16_to_double(std::uint16_t bits) { return bf16_to_float(bits); }
constexpr double fp16_to_double(std::uint16_t bits) { return fp16_to_float(bits); }

}  // namespace snellen
