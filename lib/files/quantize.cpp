#include "lib/files/quantize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "lib/error.hpp"
#include "lib/files/half.hpp"
#include "lib/files/sha256.hpp"
#include "lib/files/storage.hpp"

#if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0
#error "quantised weights are defined by float arithmetic, one rounding an operation"
#endif

namespace snellen {
namespace {

constexpr std::size_t block_values = 32;

void store_fp16(std::byte* place, float value) {
  const std::uint16_t bits = float_to_fp16(value);
  place[0] = static_cast<std::byte>(bits & 0xff), place[1] = static_cast<std::byte>(bits >> 8);
}

// Low nibbles hold values 0..15, high nibbles 16..31.
void store_nibbles(std::byte* place, const float* values, float offset, float factor, float rounding) {
  const auto nibble = [&](float x) { return std::min(15, static_cast<int>((x - offset) * factor + rounding)); };
  for (std::size_t i = 0; i < block_values / 2; ++i) place[i] = static_cast<std::byte>(nibble(values[i]) | nibble(values[i + block_values / 2]) << 4);
}

float inverse(float d) { return d != 0 ? 1.0F / d : 0.0F; }

struct Quantizer {
  BlockFormat format;
  std::string_view name;
  std::uint32_t gguf_type;
  void (*quantize)(const float* values, std::byte* block);
};
constexpr Quantizer quantizers[] = {{BlockFormat::q8_0, "Q8_0", 8, quantize_q8_0}, {BlockFormat::q4_0, "Q4_0", 2, quantize_q4_0}, {BlockFormat::q4_1, "Q4_1", 3, quantize_q4_1}};

const Quantizer& quantizer(BlockFormat format) { return *std::find_if(std::begin(quantizers), std::end(quantizers), [&](const Quantizer& q) { return q.format == format; }); }

class BlockTensor final : public Tensor {
 public:
  BlockTensor(std::size_t rows, std::size_t columns, const Storage& storage, std::vector<std::byte> blocks)
      : Tensor(rows, columns), storage_(storage), row_bytes_(columns / storage.values * storage.bytes), blocks_(std::move(blocks)) {}

  void read_row(std::size_t row, std::span<double> values) const override {
    if (row >= rows() || values.size() != columns()) throw std::out_of_range("BlockTensor::read_row");
    storage_.decode(std::span(blocks_).subspan(row * row_bytes_, row_bytes_), values.data());
  }
  std::string_view storage() const override { return storage_.name; }

 private:
  const Storage& storage_;
  std::size_t row_bytes_;
  std::vector<std::byte> blocks_;
};

TensorPtr quantized(const Tensor& matrix, const Quantizer& q, const std::string& place) {
  const Storage& storage = *gguf_storage(q.gguf_type);
  const std::size_t rows = matrix.rows(), columns = matrix.columns(), row_bytes = columns / block_values * storage.bytes;
  if (columns % block_values != 0)
    throw InputError(place, fmt::format("found a matrix [{}, {}], expected rows of a whole number of blocks of {} for {}", rows, columns, block_values, q.name));
  std::vector<std::byte> blocks(rows * row_bytes);
#pragma omp parallel
  {
    std::vector<double> row(columns);
    std::vector<float> values(columns);
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < rows; ++i) {
      matrix.read_row(i, row);
      std::transform(row.begin(), row.end(), values.begin(), [](double x) { return static_cast<float>(x); });
      for (std::size_t b = 0; b < columns / block_values; ++b) q.quantize(values.data() + b * block_values, blocks.data() + i * row_bytes + b * storage.bytes);
    }
  }
  if (const auto at = storage.first_non_finite(blocks))
    throw InputError(place, fmt::format("found a matrix [{}, {}] with a large entry near row {}, column {}, expected scales that fp16 can hold for {}", rows, columns,
                                        *at / columns, *at % columns, q.name));
  return std::make_shared<BlockTensor>(rows, columns, storage, std::move(blocks));
}

}  // namespace

std::string_view name_of(BlockFormat format) { return quantizer(format).name; }

void quantize_q8_0(const float* values, std::byte* block) {
  float largest = 0;
  for (std::size_t i = 0; i < block_values; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float d = largest / 127, factor = inverse(d);
  store_fp16(block, d);
  for (std::size_t i = 0; i < block_values; ++i) block[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(values[i] * factor)));
}

void quantize_q4_0(const float* values, std::byte* block) {
  float largest = 0, extreme = 0;  // the entry of the largest magnitude, the first of several, becomes -8
  for (std::size_t i = 0; i < block_values; ++i)
    if (largest < std::fabs(values[i])) largest = std::fabs(values[i]), extreme = values[i];
  const float d = extreme / -8;
  store_fp16(block, d);
  store_nibbles(block + 2, values, 0, inverse(d), 8.5F);
}

void quantize_q4_1(const float* values, std::byte* block) {
  const auto [least, most] = std::minmax_element(values, values + block_values);
  const float d = (*most - *least) / 15;
  store_fp16(block, d), store_fp16(block + 2, *least);
  store_nibbles(block + 4, values, *least, inverse(d), 0.5F);
}

Model quantized(Model model, BlockFormat format, const std::string& place) {
  const Quantizer& q = quantizer(format);
  std::map<const Tensor*, TensorPtr> done;  // a tied unembedding stays tied
  std::vector<TensorPtr> originals;         // alive until the end: their addresses are keys
  const auto quantize = [&](TensorPtr& matrix) {
    TensorPtr& result = done[matrix.get()];
    if (!result) result = quantized(*matrix, q, place);
    originals.push_back(std::exchange(matrix, result));
  };
  quantize(model.embedding), quantize(model.unembedding.weight);
  for (Layer& layer : model.layers) {
    for (Linear* map : {&layer.query, &layer.key, &layer.value, &layer.output}) quantize(map->weight);
    for (std::optional<Linear>* map : {&layer.gate, &layer.up, &layer.down})
      if (*map) quantize((*map)->weight);
  }
  model.source += fmt::format(", matrices quantised to {}", q.name);
  const std::string identity = model.sha256 + "  quantised " + std::string(q.name) + "\n";
  model.sha256 = sha256(std::as_bytes(std::span(identity)));
  return model;
}

}  // namespace snellen
