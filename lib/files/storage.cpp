#include "lib/files/storage.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "lib/files/half.hpp"
#include "lib/files/little_endian.hpp"
#include "lib/files/quantized.hpp"

namespace snellen {
namespace {

double widen_f64(std::uint64_t bits) { return std::bit_cast<double>(bits); }
double widen_f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }

template <class Bits, double (*widen)(Bits)>
void decode_plain(std::span<const std::byte> stored, double* decoded) {
  for (std::size_t i = 0; i < stored.size() / sizeof(Bits); ++i) {
    decoded[i] = widen(load_little_endian<Bits>(stored.data() + i * sizeof(Bits)));
  }
}

template <void (*dequantize)(const std::byte*, float*), std::size_t values, std::size_t bytes>
void decode_blocks(std::span<const std::byte> blocks, double* decoded) {
  std::array<float, values> block;
  for (std::size_t b = 0; b < blocks.size() / bytes; ++b) {
    dequantize(blocks.data() + b * bytes, block.data());
    std::copy(block.begin(), block.end(), decoded + b * values);
  }
}

// A value is NaN or infinite when all bits of its exponent are set: then, and only then, adding the exponent's lowest bit to
// the masked exponent carries into the sign bit. So eight bytes are examined at a time, whatever the type.
template <class Bits, Bits exponent>
std::optional<std::size_t> non_finite_plain(std::span<const std::byte> stored) {
  constexpr std::uint64_t lanes = ~std::uint64_t{0} / static_cast<Bits>(~Bits{0});  // 1 in each lane
  constexpr std::uint64_t mask = lanes * exponent, lowest = lanes * static_cast<Bits>(exponent & (~exponent + 1));
  constexpr std::uint64_t signs = lanes << (8 * sizeof(Bits) - 1);
  constexpr std::size_t piece = 4096;
  const auto first_in = [&](std::size_t begin, std::size_t end) -> std::optional<std::size_t> {
    for (std::size_t at = begin; at < end; at += sizeof(Bits)) {
      if ((load_little_endian<Bits>(stored.data() + at) & exponent) == exponent) return at / sizeof(Bits);
    }
    return std::nullopt;
  };
  std::size_t begin = 0;
  for (; stored.size() - begin >= piece; begin += piece) {
    std::uint64_t carries = 0;
    for (std::size_t at = begin; at < begin + piece; at += 8) {
      carries |= (load_little_endian<std::uint64_t>(stored.data() + at) & mask) + lowest;
    }
    if (carries & signs) return first_in(begin, begin + piece);
  }
  return first_in(begin, stored.size());
}

template <std::size_t values, std::size_t bytes, std::size_t... scale_offsets>
std::optional<std::size_t> non_finite_scale(std::span<const std::byte> blocks) {
  const auto bad = [](const std::byte* scale) { return (load_little_endian<std::uint16_t>(scale) & 0x7c00u) == 0x7c00u; };
  for (std::size_t b = 0; b < blocks.size() / bytes; ++b) {
    if ((bad(blocks.data() + b * bytes + scale_offsets) || ...)) return b * values;
  }
  return std::nullopt;
}

constexpr Storage plain_f64{"F64", 1, 8, decode_plain<std::uint64_t, widen_f64>,
                            non_finite_plain<std::uint64_t, 0x7ff0'0000'0000'0000u>};
constexpr Storage plain_f32{"F32", 1, 4, decode_plain<std::uint32_t, widen_f32>, non_finite_plain<std::uint32_t, 0x7f80'0000u>};
constexpr Storage plain_f16{"F16", 1, 2, decode_plain<std::uint16_t, fp16_to_double>, non_finite_plain<std::uint16_t, 0x7c00u>};
constexpr Storage plain_bf16{"BF16", 1, 2, decode_plain<std::uint16_t, bf16_to_double>, non_finite_plain<std::uint16_t, 0x7f80u>};

template <void (*dequantize)(const std::byte*, float*), std::size_t values, std::size_t bytes, std::size_t... scale_offsets>
constexpr Storage block_type(std::string_view name) {
  return {name, values, bytes, decode_blocks<dequantize, values, bytes>, non_finite_scale<values, bytes, scale_offsets...>};
}

// https://github.com/huggingface/safetensors, the Dtype enumeration (whole-byte types).
constexpr Storage safetensors_types[] = {
    plain_f64, plain_f32, plain_f16, plain_bf16,
    {"BOOL", 1, 1}, {"U8", 1, 1}, {"I8", 1, 1}, {"F8_E5M2", 1, 1}, {"F8_E4M3", 1, 1}, {"F8_E8M0", 1, 1},
    {"I16", 1, 2}, {"U16", 1, 2}, {"I32", 1, 4}, {"U32", 1, 4}, {"I64", 1, 8}, {"U64", 1, 8}, {"C64", 1, 8},
};

// ggml.h, enum ggml_type; block sizes from ggml-common.h.
constexpr std::pair<std::uint32_t, Storage> gguf_types[] = {
    {0, plain_f32},
    {1, plain_f16},
    {2, block_type<dequantize_q4_0, 32, 18, 0>("Q4_0")},
    {3, block_type<dequantize_q4_1, 32, 20, 0, 2>("Q4_1")},
    {6, block_type<dequantize_q5_0, 32, 22, 0>("Q5_0")},
    {7, block_type<dequantize_q5_1, 32, 24, 0, 2>("Q5_1")},
    {8, block_type<dequantize_q8_0, 32, 34, 0>("Q8_0")},
    {10, {"Q2_K", 256, 84}},
    {11, {"Q3_K", 256, 110}},
    {12, block_type<dequantize_q4_k, 256, 144, 0, 2>("Q4_K")},
    {13, block_type<dequantize_q5_k, 256, 176, 0, 2>("Q5_K")},
    {14, block_type<dequantize_q6_k, 256, 210, 208>("Q6_K")},
    {15, {"Q8_K", 256, 292}},
    {16, {"IQ2_XXS", 256, 66}},
    {17, {"IQ2_XS", 256, 74}},
    {18, {"IQ3_XXS", 256, 98}},
    {19, {"IQ1_S", 256, 50}},
    {20, {"IQ4_NL", 32, 18}},
    {21, {"IQ3_S", 256, 110}},
    {22, {"IQ2_S", 256, 82}},
    {23, {"IQ4_XS", 256, 136}},
    {24, {"I8", 1, 1}},
    {25, {"I16", 1, 2}},
    {26, {"I32", 1, 4}},
    {27, {"I64", 1, 8}},
    {28, plain_f64},
    {29, {"IQ1_M", 256, 56}},
    {30, plain_bf16},
    {34, {"TQ1_0", 256, 54}},
    {35, {"TQ2_0", 256, 66}},
    {39, {"MXFP4", 32, 17}},
};

}  // namespace

const Storage* safetensors_storage(std::string_view dtype) {
  for (const Storage& storage : safetensors_types) {
    if (storage.name == dtype) return &storage;
  }
  return nullptr;
}

const Storage* gguf_storage(std::uint32_t type) {
  for (const auto& [number, storage] : gguf_types) {
    if (number == type) return &storage;
  }
  return nullptr;
}

}  // namespace snellen
