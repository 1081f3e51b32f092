#include "lib/files/quantize.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "lib/error.hpp"
#include "lib/files/gguf.hpp"
#include "lib/files/half.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("floats are rounded to the nearest fp16, ties to even", "[files]") {
  const auto rounded = [](double x) { return float_to_fp16(static_cast<float>(x)); };
  std::size_t ties = 0;
  for (std::uint16_t bits = 0; bits < 0x7c00; ++bits) {
    const float value = fp16_to_float(bits);
    // Of the largest value's neighbour the exponent would be one more: 65536.
    const float above = bits == 0x7bff ? 65536.0F : fp16_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = (value + above) / 2;  // exact
    const auto even = static_cast<std::uint16_t>(bits + bits % 2);
    bool good = rounded(value) == bits && rounded(-value) == (bits | 0x8000);
    good = good && rounded(middle) == even && rounded(-middle) == (even | 0x8000);
    good = good && rounded(std::nextafter(middle, 0.0F)) == bits && rounded(std::nextafter(middle, INFINITY)) == bits + 1;
    if (!good) FAIL("near " << value);
    ++ties;
  }
  CHECK(ties == 0x7c00);
  CHECK(rounded(INFINITY) == 0x7c00);
  CHECK(rounded(3e38) == 0x7c00);
  CHECK(rounded(0x1p-140) == 0);
  CHECK(std::isnan(fp16_to_float(float_to_fp16(NAN))));
}

// tests/files/make_quantized_fixture.py made the blocks with somebody else's quantisers.
TEST_CASE("blocks are the reference quantisers', bit for bit", "[files]") {
  const auto path = std::filesystem::path(std::getenv("SNELLEN_SOURCE")) / "tests/files/data" / "quantizers.gguf";
  const Gguf gguf = read_gguf(MappedFile::open(path));
  const StoredTensor& stored = gguf.tensors.at("values");
  const std::vector<double> values = read_all(*stored.tensor("values"));
  const std::vector<float> floats(values.begin(), values.end());
  std::size_t blocks = 0;
  for (const auto& [name, quantize] : {std::pair("Q8_0", &quantize_q8_0), std::pair("Q4_0", &quantize_q4_0), std::pair("Q4_1", &quantize_q4_1)}) {
    const StoredTensor& expected = gguf.tensors.at(std::string(name) + ".expected");
    const std::size_t size = expected.storage->bytes;
    std::vector<std::byte> block(size);
    for (std::size_t b = 0; b < floats.size() / 32; ++b) {
      quantize(floats.data() + 32 * b, block.data());
      const auto wanted = expected.bytes.subspan(b * size, size);
      if (!std::equal(block.begin(), block.end(), wanted.begin())) FAIL(name << ": block " << b);
      ++blocks;
    }
  }
  CHECK(blocks == 3 * 16 * 3);
}

namespace {
RandomModel small(std::size_t width) {
  RandomModel description;
  description.width = width, description.heads = 4, description.hidden = 64, description.tied = true, description.bias = true;
  return description;
}
}  // namespace

TEST_CASE("a quantised model: its matrices and nothing else, and what is shared stays shared", "[files]") {
  const Model plain = synthetic_model(small(32));
  for (const auto format : {BlockFormat::q8_0, BlockFormat::q4_0, BlockFormat::q4_1}) {
    const Model model = quantized(plain, format, "here");
    CHECK(model.unembedding.weight == model.embedding);
    CHECK(model.embedding->storage() == name_of(format));
    CHECK(model.sha256 != plain.sha256);
    CHECK(model.source.find(std::string("quantised to ") + std::string(name_of(format))) != std::string::npos);
    CHECK(model.layers[1].attention_norm->weight == plain.layers[1].attention_norm->weight);
    CHECK(model.layers[1].query.bias == plain.layers[1].query.bias);
    std::size_t changed = 0;
    for (const auto& [from, to] : {std::pair(plain.embedding, model.embedding), std::pair(plain.layers[0].query.weight, model.layers[0].query.weight),
                                   std::pair(plain.layers[0].output.weight, model.layers[0].output.weight), std::pair(plain.layers[1].down->weight, model.layers[1].down->weight),
                                   std::pair(plain.layers[1].gate->weight, model.layers[1].gate->weight), std::pair(plain.layers[1].up->weight, model.layers[1].up->weight),
                                   std::pair(plain.layers[1].key.weight, model.layers[1].key.weight), std::pair(plain.layers[1].value.weight, model.layers[1].value.weight)}) {
      const std::vector<double> old = read_all(*from), now = read_all(*to);
      REQUIRE(old.size() == now.size());
      changed += old != now;
      // Nowhere by more than a step of the coarsest block, d = largest / 8, and the roundings of its scale.
      double largest = 0, moved = 0;
      for (std::size_t i = 0; i < old.size(); ++i) largest = std::max(largest, std::fabs(old[i])), moved = std::max(moved, std::fabs(old[i] - now[i]));
      CHECK(moved <= (format == BlockFormat::q8_0 ? largest / 200 : largest / 7));
    }
    CHECK(changed == 8);
  }
  CHECK(quantized(plain, BlockFormat::q8_0, "here").sha256 != quantized(plain, BlockFormat::q4_0, "here").sha256);
}

TEST_CASE("what cannot be quantised is refused where it was asked for", "[files]") {
  try {
    quantized(synthetic_model(small(24)), BlockFormat::q4_0, "case.toml:3: model.quantize");
    FAIL("rows of 24 entries were quantised");
  } catch (const InputError& error) {
    CHECK(std::string(error.what()).find("case.toml:3: model.quantize: found a matrix [16, 24], expected rows of a whole number of blocks of 32") != std::string::npos);
  }
  Model large = synthetic_model(small(32));
  std::vector<double> values = read_all(*large.layers[1].up->weight);
  values[5 * 32 + 7] = 0x1p30;
  large.layers[1].up->weight = std::make_shared<DenseTensor>(64, 32, values);
  try {
    quantized(large, BlockFormat::q8_0, "here");
    FAIL("a scale beyond fp16 was stored");
  } catch (const InputError& error) {
    CHECK(std::string(error.what()).find("row 5, column 0") != std::string::npos);
  }
}
