// The two 16-bit formats, widened exactly (every value of both is a float, subnormals, infinities and NaN included), and floats rounded to binary16.
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

// The nearest, ties to even; infinite from 65520 on, a NaN stays one.
constexpr std::uint16_t float_to_fp16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fff'ffffu;
  if (magnitude > 0x7f80'0000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477f'f000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x3880'0000u) {  // below 2^-14: adding 1/2 leaves a multiple of 2^-24 in the last bits, rounded by the addition
    const auto sum = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f);
    return static_cast<std::uint16_t>(sign | (sum - std::bit_cast<std::uint32_t>(0.5f)));
  }
  const std::uint32_t rebiased = magnitude - ((127 - 15) << 23);
  return static_cast<std::uint16_t>(sign | ((rebiased + 0xfffu + ((rebiased >> 13) & 1u)) >> 13));
}

constexpr double bf16_to_double(std::uint16_t bits) { return bf16_to_float(bits); }
constexpr double fp16_to_double(std::uint16_t bits) { return fp16_to_float(bits); }

}  // namespace snellen
