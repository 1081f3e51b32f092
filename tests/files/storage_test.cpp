#include "lib/files/storage.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "lib/files/gguf.hpp"
#include "lib/files/mapped_file.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;

// tests/files/make_fixtures.py made the blocks, and the expected values with somebody else's dequantisers.
TEST_CASE("block types decode to the reference's float values, bit for bit", "[files]") {
  const auto path = std::filesystem::path(std::getenv("SNELLEN_SOURCE")) / "tests/files/data" / "quantized.gguf";
  const Gguf gguf = read_gguf(MappedFile::open(path));
  std::size_t types = 0, values = 0;
  for (const auto& [name, stored] : gguf.tensors) {
    const auto expected = gguf.tensors.find(name + ".expected");
    if (expected == gguf.tensors.end()) continue;
    CAPTURE(name);
    REQUIRE(stored.storage->name == name);
    REQUIRE(stored.shape == expected->second.shape);
    const std::vector<double> found = read_all(*stored.tensor(name)), wanted = read_all(*expected->second.tensor(name));
    std::size_t different = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      different += std::bit_cast<std::uint64_t>(found[i]) != std::bit_cast<std::uint64_t>(wanted[i]);
    }
    CHECK(different == 0);
    CHECK(std::set<double>(found.begin(), found.end()).size() > 25);  // the blocks are not trivial
    ++types;
    values += found.size();
  }
  CHECK(types == 10);
  CHECK(values == 5 * 192 + 3 * 512 + 2 * 128);
}


TEST_CASE("NaN and infinities are found where they are, at any place of any type", "[files]") {
  const auto gguf_type = [](std::uint32_t type) { return *gguf_storage(type); };
  struct Case {
    Storage storage;
    std::string finite, infinite, nan;  // one block
  };
  const auto block = [](std::size_t size, std::size_t scale_at, std::uint16_t scale) {
    std::string bytes(size, '\x55');
    return bytes.replace(scale_at, 2, checkpoint::raw(scale));
  };
  std::vector<Case> cases = {
      {*safetensors_storage("F64"), checkpoint::raw(1.7976931348623157e308), checkpoint::raw(-INFINITY * 1.0), checkpoint::raw(double{NAN})},
      {*safetensors_storage("F32"), checkpoint::raw(-3.4028234e38f), checkpoint::raw(-INFINITY), checkpoint::raw(NAN)},
      {*safetensors_storage("F16"), checkpoint::raw(std::uint16_t{0xfbff}), checkpoint::raw(std::uint16_t{0x7c00}),
       checkpoint::raw(std::uint16_t{0xfc01})},
      {*safetensors_storage("BF16"), checkpoint::raw(std::uint16_t{0xff7f}), checkpoint::raw(std::uint16_t{0x7f80}),
       checkpoint::raw(std::uint16_t{0xff81})},
  };
  const std::pair<std::uint32_t, std::vector<std::size_t>> scales[] = {{2, {0}},     {3, {0, 2}},  {6, {0}},     {7, {0, 2}},
                                                                       {8, {0}},     {12, {0, 2}}, {13, {0, 2}}, {14, {208}}};
  for (const auto& [type, offsets] : scales) {
    const std::size_t size = gguf_type(type).bytes;
    for (const std::size_t at : offsets) {
      cases.push_back({gguf_type(type), block(size, at, 0xfbff), block(size, at, 0x7c00), block(size, at, 0xffff)});
    }
  }
  std::size_t found = 0;
  for (const Case& c : cases) {
    CAPTURE(c.storage.name);
    constexpr std::size_t blocks = 5000;  // longer than any piece the scan takes at once
    std::string all;
    for (std::size_t i = 0; i < blocks; ++i) all += c.finite;
    CHECK_FALSE(c.storage.first_non_finite(std::as_bytes(std::span(all))));
    for (const std::size_t place : {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{2047}, blocks - 1}) {
      for (const std::string& bad : {c.infinite, c.nan}) {
        std::string bytes = all;
        bytes.replace(place * c.storage.bytes, c.storage.bytes, bad);
        CHECK(c.storage.first_non_finite(std::as_bytes(std::span(bytes))) == place * c.storage.values);
        ++found;
      }
    }
  }
  CHECK(cases.size() == 4 + 12);
  CHECK(found == 16 * 12);
}
