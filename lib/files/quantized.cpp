#include "lib/files/quantized.hpp"

#include <cfloat>
#include <cstdint>

#include "lib/files/half.hpp"
#include "lib/files/little_endian.hpp"

#if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0
#error "dequantised weights are defined by float arithmetic, one rounding an operation"
#endif

namespace snellen {
namespace {

float scale_at(const std::byte* bytes) { return fp16_to_float(load_little_endian<std::uint16_t>(bytes)); }
int byte_at(const std::byte* bytes, int i) { return std::to_integer<int>(bytes[i]); }
int signed_byte_at(const std::byte* bytes, int i) { return static_cast<std::int8_t>(std::to_integer<std::uint8_t>(bytes[i])); }

// Low nibbles hold values 0..15, high nibbles 16..31.
int nibble_at(const std::byte* nibbles, int i) { return i < 16 ? byte_at(nibbles, i) & 15 : byte_at(nibbles, i - 16) >> 4; }
// Bit i of `high` is the fifth bit of value i.
int five_bits_at(const std::byte* nibbles, std::uint32_t high, int i) {
  return nibble_at(nibbles, i) | static_cast<int>((high >> i) & 1u) << 4;
}

// The 6-bit scale and minimum of group 0..7 of Q4_K and Q5_K, packed in 12 bytes.
struct ScaleAndMinimum {
  float scale, minimum;
};
ScaleAndMinimum scale_and_minimum(const std::byte* packed, int group) {
  if (group < 4) {
    return {static_cast<float>(byte_at(packed, group) & 63), static_cast<float>(byte_at(packed, group + 4) & 63)};
  }
  const int both = byte_at(packed, group + 4);
  return {static_cast<float>((both & 15) | (byte_at(packed, group - 4) >> 6) << 4),
          static_cast<float>((both >> 4) | (byte_at(packed, group) >> 6) << 4)};
}

}  // namespace

void dequantize_q8_0(const std::byte* block, float* values) {
  const float d = scale_at(block);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(signed_byte_at(block + 2, i)) * d;
}

void dequantize_q4_0(const std::byte* block, float* values) {
  const float d = scale_at(block);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(nibble_at(block + 2, i) - 8) * d;
}

void dequantize_q4_1(const std::byte* block, float* values) {
  const float d = scale_at(block), m = scale_at(block + 2);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(nibble_at(block + 4, i)) * d + m;
}

void dequantize_q5_0(const std::byte* block, float* values) {
  const float d = scale_at(block);
  const auto high = load_little_endian<std::uint32_t>(block + 2);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(five_bits_at(block + 6, high, i) - 16) * d;
}

void dequantize_q5_1(const std::byte* block, float* values) {
  const float d = scale_at(block), m = scale_at(block + 2);
  const auto high = load_little_endian<std::uint32_t>(block + 4);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(five_bits_at(block + 8, high, i)) * d + m;
}

// d[2] dmin[2] scales[12] nibbles[128]: 8 groups of 32, two of them in the low and high nibbles of each 32 bytes.
void dequantize_q4_k(const std::byte* block, float* values) {
  const float d = scale_at(block), dmin = scale_at(block + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum s = scale_and_minimum(block + 4, group);
    const float scale = d * s.scale, minimum = dmin * s.minimum;
    const std::byte* nibbles = block + 16 + 32 * (group / 2);
    for (int i = 0; i < 32; ++i) {
      const int q = (byte_at(nibbles, i) >> (4 * (group % 2))) & 15;
      values[32 * group + i] = scale * static_cast<float>(q) - minimum;
    }
  }
}

// d[2] dmin[2] scales[12] high[32] nibbles[128]: as above, bit `group` of high[i] being the fifth bit.
void dequantize_q5_k(const std::byte* block, float* values) {
  const float d = scale_at(block), dmin = scale_at(block + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum s = scale_and_minimum(block + 4, group);
    const float scale = d * s.scale, minimum = dmin * s.minimum;
    const std::byte* nibbles = block + 48 + 32 * (group / 2);
    for (int i = 0; i < 32; ++i) {
      const int q = ((byte_at(nibbles, i) >> (4 * (group % 2))) & 15) | ((byte_at(block + 16, i) >> group) & 1) << 4;
      values[32 * group + i] = scale * static_cast<float>(q) - minimum;
    }
  }
}

// low[128] high[64] scales[16] d[2]: in each half of 128 values, four runs of 32 share 64 low and 32 high bytes.
void dequantize_q6_k(const std::byte* block, float* values) {
  const float d = scale_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const std::byte* low = block + 64 * half;
    const std::byte* high = block + 128 + 32 * half;
    for (int run = 0; run < 4; ++run) {
      for (int i = 0; i < 32; ++i) {
        const int nibble = (byte_at(low, 32 * (run % 2) + i) >> (4 * (run / 2))) & 15;
        const int q = (nibble | ((byte_at(high, i) >> (2 * run)) & 3) << 4) - 32;
        const int at = 128 * half + 32 * run + i;
        values[at] = d * static_cast<float>(signed_byte_at(block + 192, at / 16)) * static_cast<float>(q);
      }
    }
  }
}

}  // namespace snellen
